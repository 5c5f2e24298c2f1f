"""The words and rules that every provider uses: money, tables, ledger, questions and verdicts. Pure."""
