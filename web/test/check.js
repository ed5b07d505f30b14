// A dozen lines instead of a test framework: the tests run in a browser and in Node alike.

const tests = [];

export const test = (name, body) => tests.push({ name, body });

/** Fails unless both are alike, NaN and order of keys aside. */
export function equal(got, want, what = "") {
  const [a, b] = [got, want].map((v) => JSON.stringify(v, (_, x) => (x === undefined ? "undefined" : typeof x === "number" && !Number.isFinite(x) ? String(x) : x)));
  if (a !== b) throw new Error(`${what ? `${what}: ` : ""}got ${a}, want ${b}`);
}

export function near(got, want, tolerance, what = "") {
  if (!(Math.abs(got - want) <= tolerance)) throw new Error(`${what ? `${what}: ` : ""}got ${got}, want ${want} ± ${tolerance}`);
}

/** Runs all tests one after the other: [{name, error}], error is empty if all was well. */
export async function run() {
  const results = [];
  for (const { name, body } of tests) {
    let error = "";
    try {
      await body();
    } catch (e) {
      error = e.message;
    }
    results.push({ name, error });
  }
  return results;
}
