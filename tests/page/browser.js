// A browser for the checks, and what every page must keep to: no error on its console, no request to elsewhere.
'use strict';
const path = require('node:path');
const assert = require('node:assert/strict');
const modules = path.join(__dirname, '../../.browser/node_modules');
const { chromium } = require(path.join(modules, 'playwright-core'));
const axe = path.join(modules, 'axe-core/axe.min.js');

const given = JSON.parse(process.argv[2]);

/** Runs checks in a browser of their own; whatever fails ends the process with 1. */
async function withBrowser(checks) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    // Root has no sandbox of the browser; what is shown is our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
  try {
    console.log(JSON.stringify((await checks(browser)) ?? null));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/** Opens a page of its own context and watches it: `faults` fills with what must not be. */
async function open(browser, url, options = {}, before = async () => {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  const origin = new URL(url).origin;
  page.on('pageerror', (e) => faults.push(`error: ${e.message}`));
  page.on('dialog', (d) => d.accept());
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) faults.push(`console: ${m.text()}`); });
  page.on('request', (r) => {
    const to = r.url();
    const own = to === url || (to.startsWith('http') && new URL(to).origin === origin);
    if (!own && !to.startsWith('data:')) faults.push(`request: ${to}`);
  });
  await before(page);
  await page.goto(url);
  return { page, context, faults };
}

/** Waits until something holds in the page. Asked for from here: a page of this policy evaluates no text by itself. */
async function until(page, what, holds, given) {
  const end = Date.now() + 20000;
  while (!(await page.evaluate(holds, given))) {
    if (Date.now() > end) throw new Error(`waited for: ${what}; ${await page.evaluate(() => document.querySelector('main').innerText)}`);
    await new Promise((go) => { setTimeout(go, 50); });
  }
}

module.exports = { given, withBrowser, open, until, axe, assert };
