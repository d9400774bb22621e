/** A value in a form: a text, or named ones below it. */
export type FormValue = string | { [name: string]: FormValue };

type Branch = { [name: string]: FormValue };

/** Reads `a=1&metadata[order]=7&types[0]=card` as Stripe's API does: brackets nest, lists are named by number. */
export function parseForm(text: string): Record<string, FormValue> {
  const root = emptyBranch();
  for (const [name, value] of new URLSearchParams(text)) {
    const [first = name, ...rest] = name.split(/\[|\]\[|\]/).filter((part) => part !== "");
    const path = [first, ...rest];
    const last = path.pop() ?? first;
    let branch = root;
    for (const part of path) branch = below(branch, part);
    branch[last] = value;
  }
  return root;
}

function below(branch: Branch, name: string): Branch {
  const found = branch[name];
  if (typeof found === "object") return found;
  const made = emptyBranch();
  branch[name] = made;
  return made;
}

// Without a prototype, so that no name in a form reaches one.
function emptyBranch(): Branch {
  return Object.create(null) as Branch;
}
