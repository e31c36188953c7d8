// Draws the connection form of the checkout that it is called in: the card of each system, and those that all have, as
// they first appear and with their optional fields unfolded.
//
//   node draw.mjs [--into FOLDER]
//
// PYTHON names the interpreter that the connector is installed for, CHROMIUM the browser.

import { execFileSync } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env.PYTHON ?? ".venv/bin/python";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const { values: options } = parseArgs({
  options: {
    into: { type: "string", default: "docs/form/pictures" },
  },
});

function specification() {
  const answer = execFileSync(PYTHON, ["-m", "source_events", "spec"], { encoding: "utf-8" });
  return JSON.parse(answer).spec.connectionSpecification;
}

/** A name for each branch, and the constants that choose it; a branch within a branch has both names. */
function* choices(form) {
  for (const branch of form.properties.provider.oneOf) {
    const name = branch.properties.provider_type.const;
    const inner = Object.entries(branch.properties).find(([, field]) => field.oneOf);
    if (!inner) {
      yield { name, data: { provider: { provider_type: name } } };
      continue;
    }
    const [field, { oneOf }] = inner;
    for (const [number, option] of oneOf.entries()) {
      const [[constant, { const: value }]] = Object.entries(option.properties).filter(([, entry]) => "const" in entry);
      const data = { provider: { provider_type: name, [field]: { [constant]: value } } };
      yield { name: number ? `${name}-${value}` : name, data };
    }
  }
}

async function page(browser, code, shown) {
  const opened = await browser.newPage({ viewport: { width: 720, height: 400 } });
  const failures = [];
  opened.on("pageerror", (error) => failures.push(error.message));
  opened.on("console", (message) => message.type() === "error" && failures.push(message.text()));
  await opened.setContent(await readFile(`${FOLDER}page.html`, "utf-8"));
  await opened.evaluate((value) => (window.shown = value), shown);
  await opened.addScriptTag({ content: code });
  await opened.waitForSelector("button.submit");
  if (failures.length) throw new Error(failures.join("\n"));
  return opened;
}

const bundle = await build({
  entryPoints: [`${FOLDER}form.jsx`],
  bundle: true,
  minify: true,
  write: false,
  define: { "process.env.NODE_ENV": '"production"' },
});
const form = specification();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
await mkdir(options.into, { recursive: true });
try {
  for (const [open, suffix] of [
    [false, ""],
    [true, "-unfolded"],
  ]) {
    for (const [number, { name, data }] of [...choices(form)].entries()) {
      const drawn = await page(browser, bundle.outputFiles[0].text, { form, data, open });
      const [system, ...others] = await drawn.locator("section").all();
      const save = { fullPage: true, omitBackground: true };
      if (number === 0) {
        await drawn.screenshot({ ...save, path: `${options.into}/common${suffix}.png`, clip: await around(others) });
      }
      await drawn.screenshot({ ...save, path: `${options.into}/${name}${suffix}.png`, clip: await around([system]) });
      await drawn.close();
    }
  }
} finally {
  await browser.close();
}
console.log(`drawn into ${options.into}`);

/** The smallest rectangle of whole pixels that has all of them in it. */
async function around(elements) {
  const boxes = await Promise.all(elements.map((element) => element.boundingBox()));
  const x = Math.floor(Math.min(...boxes.map((box) => box.x)));
  const y = Math.floor(Math.min(...boxes.map((box) => box.y)));
  const right = Math.ceil(Math.max(...boxes.map((box) => box.x + box.width)));
  const bottom = Math.ceil(Math.max(...boxes.map((box) => box.y + box.height)));
  return { x, y, width: right - x, height: bottom - y };
}
