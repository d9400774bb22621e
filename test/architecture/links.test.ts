import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";
import { root } from "../support/repository.ts";

const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...pagesBelow("docs")];

function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
}

/** A page as people see it: without code, in which brackets mean something else. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), "utf8")
    .replaceAll(/^```[\s\S]*?^```$/gm, "")
    .replaceAll(/`[^`\n]+`/g, "code");
}

/** Where a page's links lead inside the repository: a path from its root, and a heading. */
function linksOf(page: string): { target: string; heading: string }[] {
  return [...proseOf(page).matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = "", heading = ""] = link.split("#");
      const target = path === "" ? page : relative(root, join(root, dirname(page), decodeURIComponent(path)));
      return { target, heading };
    });
}

/** The anchors of a page's headings, by GitHub's rule. */
function headingsOf(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8").replaceAll(/^```[\s\S]*?^```$/gm, "");
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken({ target, heading }: { target: string; heading: string }): boolean {
  if (target.startsWith("..") || !existsSync(join(root, target))) return true;
  if (heading === "" || statSync(join(root, target)).isDirectory()) return false;
  return target.endsWith(".md") && !headingsOf(target).includes(heading);
}

it.each(pages)("every link of %s leads to a file, and to a heading where it names one", (page) => {
  expect(linksOf(page).filter(isBroken)).toEqual([]);
});

it("finds the links of the README and its pages at all", () => {
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(50);
});
