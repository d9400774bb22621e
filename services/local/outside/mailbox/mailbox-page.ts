import { escapeHtml } from "../escape-html.ts";
import type { Mail } from "./mailbox.ts";

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
  h1 { font-size: 1.4rem; } a { color: #0b5cad; } p.quiet, td.quiet { color: #5b6675; }
  table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
  th, td { padding: .4rem .6rem; border-bottom: 1px solid #dfe4ea; vertical-align: top; overflow-wrap: anywhere; }
  .duplicate { background: #fbe3a3; border-radius: .3rem; padding: 0 .4rem; font-size: .8rem; }
  pre { white-space: pre-wrap; background: #f4f6f8; border-radius: .5rem; padding: 1rem; }
  @media (prefers-color-scheme: dark) {
    body { background: #14181d; color: #dde3ea; } a { color: #7db8f2; } pre { background: #1e242b; }
    th, td { border-color: #313943; } .duplicate { color: #14181d; } p.quiet, td.quiet { color: #97a3b0; }
  }`;

/** The list of mails as a page for people. */
export function listPage(mails: readonly Mail[], count: { total: number; duplicates: number }): string {
  const rows = mails.map(
    (mail) => `<tr><td class="quiet">${mail.receivedAt.slice(0, 19).replace("T", " ")}</td>
      <td>${escapeHtml(mail.to.join(", "))}</td>
      <td><a href="/mail/${mail.id}">${escapeHtml(mail.subject || "(no subject)")}</a>${mark(mail)}</td></tr>`,
  );
  const shown = mails.length < count.total ? `, the newest ${mails.length} shown` : "";
  const summary = `${count.total} mails${shown}, ${count.duplicates} duplicates. Times are UTC.`;
  const table = `<table><tr><th>Received</th><th>To</th><th>Subject</th></tr>${rows.join("")}</table>`;
  return page(
    "Mailbox",
    `<p class="quiet">${summary}</p>${mails.length > 0 ? table : "<p>No mail yet.</p>"}`,
  );
}

/** One mail as a page for people: its text, or its HTML as text. */
export function mailPage(mail: Mail): string {
  const facts = [
    ["From", mail.from],
    ["To", mail.to.join(", ")],
    ["Received", mail.receivedAt],
    ["Message-ID", mail.messageId],
  ].map(([name, value]) => `<tr><th>${name}</th><td>${escapeHtml(value ?? "")}</td></tr>`);
  return page(
    mail.subject || "(no subject)",
    `<p><a href="/">All mails</a>${mark(mail)}</p><table>${facts.join("")}</table>
     <pre>${escapeHtml(mail.text || mail.html)}</pre>`,
  );
}

function mark({ duplicate }: Mail): string {
  return duplicate ? ' <span class="duplicate">duplicate</span>' : "";
}

function page(title: string, content: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · Duly</title>
    <style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>${content}</body></html>`;
}
