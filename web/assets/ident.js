// Camera ids: [a-z0-9][a-z0-9-]{0,31}

const MAX = 32;
const VALID = /^[a-z0-9][a-z0-9-]{0,31}$/;
const FOLDED = { ß: "ss", æ: "ae", ø: "o", œ: "oe", ł: "l", đ: "d", ð: "d", þ: "th", ı: "i" };

/** An id made from a name, different from those in `taken`; empty if the name holds no letter or digit of ASCII. */
export function suggestId(name, taken = new Set()) {
  const id = name
    .toLowerCase()
    .replace(/[ßæøœłđðþı]/g, (c) => FOLDED[c])
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/['’]/g, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, MAX)
    .replace(/-+$/, "");
  if (!id || !taken.has(id)) return id;
  for (let n = 2; ; n++) {
    const end = `-${n}`;
    const candidate = id.slice(0, MAX - end.length).replace(/-+$/, "") + end;
    if (!taken.has(candidate)) return candidate;
  }
}

/** What is wrong with an id, in one sentence, or an empty string. */
export function idError(id, taken = new Set()) {
  if (!id) return "An id is needed, for example front-door.";
  if (id.length > MAX) return `The id has ${id.length} characters; at most ${MAX} are possible.`;
  if (!VALID.test(id)) {
    const bad = [...id].find((c) => !/[a-z0-9-]/.test(c));
    return bad
      ? `“${bad === " " ? "space" : bad}” cannot be in an id: use a to z, 0 to 9 and -.`
      : "An id begins with a letter or a digit.";
  }
  return taken.has(id) ? `A camera with the id ${id} is already there.` : "";
}
