// Commands started from the page: without, with a wrong and with the right token, which stays in the tab's own memory.
'use strict';
const { given, withBrowser, open, until, assert } = require('./browser.js');

withBrowser(async (browser) => {
  // Where nothing can be started there is nothing to press.
  const plain = await open(browser, new URL('plain', given.url).href);
  assert.equal(await plain.page.locator('#act').count(), 0);
  assert.deepEqual(plain.faults, []);

  const { page, context } = await open(browser, given.url);
  const answer = (text) => until(page, text, (is) => document.querySelector('#act-answer').textContent.includes(is), text);
  await page.click('#act button[value=dispatch]');
  await answer('a token is needed');
  await page.fill('#act-token', 'wrong');
  await page.click('#act button[value=dispatch]');
  await answer('a token is needed');
  await page.fill('#act-token', given.token);
  await page.click('#act button[value=dispatch]');
  await answer('one <b>task</b> went out');
  assert.equal(await page.locator('#act-answer b, #act-answer.wrong').count(), 0);
  // A run of which a part failed is no success.
  await page.click('#act button[value=watch]');
  await answer('watch: 2 actions\np-1: no <b>room</b>');
  assert.equal(await page.locator('#act-answer b').count(), 0);
  assert.equal(await page.locator('#act-answer.wrong').count(), 1);
  assert.ok(!(await page.textContent('#act-answer')).includes('went well'));
  await page.click('#act button[value=switch]');
  await answer('to spare');
  assert.ok(!(await page.content()).includes(given.token), 'the token stands in the page');
  await page.reload();
  assert.equal(await page.inputValue('#act-token'), given.token);
  await context.close();

  const still = await open(browser, given.url, { javaScriptEnabled: false });
  assert.equal(await still.page.locator('#act, button:visible, input:visible').count(), 0);
});
