#!/usr/bin/env bash
# An order at Lyra, paid, captured two hours later, with nothing but curl. Run it: mockpsp serve &  ./pay.sh
set -euo pipefail
server=${MOCKPSP_URL:-http://localhost:8080}
control=$server/_mockpsp/sandboxes
token=${MOCKPSP_CONTROL_TOKEN:-}                  # of a server that other machines can reach

# ask METHOD URL [BODY]: what is answered; ends the script when it is an error.
ask() {
  local steering=
  case $2 in "$control"*) steering=$token ;; esac
  curl --silent --show-error --fail-with-body --request "$1" ${login:+--user "$login"} \
    ${steering:+--header "Authorization: Bearer $steering"} \
    ${3:+--header 'Content-Type: application/json' --data "$3"} "$2"
}
# value NAME: the first text of this name in the JSON on standard input. With jq at hand, use jq.
value() {
  grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//'
}

# A sandbox of our own, forgotten at the end whatever happens. Its clock stands still.
sandbox=$(ask POST "$control" '{"clock": "2026-07-01T09:00:00+02:00"}')
id=$(value id <<<"$sandbox")
trap 'login=; ask DELETE "$control/$id"' EXIT
keys=${sandbox#*\"lyra\":}                       # only what follows Lyra's name
marketplace=$(value marketplace <<<"$keys")
base=$server/marketplace-test
credentials=$(value login <<<"$keys"):$(value password <<<"$keys")

# The shop: an order, and the page for its customer.
login=$credentials
order=$(ask POST "$base/orders?expand=items" '{
  "marketplace": "'"$marketplace"'", "reference": "ORDER 1", "currency": "EUR",
  "buyer": {"type": "PRIVATE", "email": "buyer@example.test", "phone_number": "+33 1 00 00 00 00"},
  "items": [{"seller_external_ref": "seller1", "reference": "Menu", "description": "Menu", "amount": 3000,
             "vouchers": [{"contract_type": "CONECS", "eligible_amount": 1900}]}]
}')
order=$(value uuid <<<"$order")
ask GET "$base/orders/$order/execute" >/dev/null
login=

# The customer, without a browser; then the bank, without waiting.
ask POST "$control/$id/checkouts/$order/shopper" '{"pay": [{"with": "conecs"}, {"with": "card"}]}' >/dev/null
ask POST "$control/$id/clock" '{"advance": "PT2H"}' >/dev/null

# What came of it: the order's status, and whether the customer came once.
login=$credentials
echo "order: $(ask GET "$base/orders/$order" | value status)"
login=
ask POST "$control/$id/journal/verify" '{"kind": "shopper", "reference": "'"$order"'", "count": 1}' | grep -o '"ok":true' | head -n 1
