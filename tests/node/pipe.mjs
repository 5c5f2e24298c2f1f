// Two pipes around an SDK: each line in is one call, each line out is what became of it.
//
//   {"call": "part.name", "with": [...]} → {"resolved": …} | {"thrown": …}
import { createInterface } from "node:readline";

async function answer(roots, thrown, { call, with: given }) {
  try {
    const [part, name] = call.split(".");
    return { resolved: await roots[part][name](...given), context: given[2] };
  } catch (error) {
    return { thrown: thrown(error) };
  }
}

export async function serve(roots, thrown = (error) => String(error.message)) {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(roots, thrown, JSON.parse(line)))}\n`);
  }
}
