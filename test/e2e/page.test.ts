import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SmallProject, smallProject } from '../support/small.ts';

const CHROMIUM = process.env.MIS_TEST_CHROMIUM ?? '/usr/bin/chromium';
const found = existsSync(CHROMIUM);
if (!found && process.env.CI) throw new Error(`CI needs a browser at ${CHROMIUM}: apt-get install chromium`);

let project: SmallProject;
let browser: Browser;
let page: Page;
/** What the page asked for beside files of its own folder, and what went wrong. */
const problems: string[] = [];

describe.skipIf(!found)('the report in a browser (apt-get install chromium)', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    project = await smallProject({ models: ['resnet', 'vgg'] });
    const ran = await project.mis('run', ...project.config);
    expect(ran.code, ran.stderr).toBe(0);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const folder = pathToFileURL(project.path('report')).href;
    page.on('request', (request) => {
      if (!request.url().startsWith(`${folder}/`) && !request.url().startsWith('data:'))
        problems.push(request.url());
    });
    page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(`${folder}/index.html`, { waitUntil: 'load' });
  }, 120_000);

  afterAll(() => browser?.close());

  test('opens from disk, asks for nothing outside its folder, and shows every picture', async () => {
    const broken = await page.$$eval('img', async (images) => {
      for (const image of images) image.loading = 'eager';
      await Promise.all(images.map((image) => image.decode().catch(() => undefined)));
      return images.filter((image) => image.naturalWidth === 0).map((image) => image.src);
    });
    expect(await page.locator('img').count()).toBeGreaterThan(50);
    expect(broken).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('shows both models in the table of scores, and all figures that it names', async () => {
    expect(await page.locator('table').first().textContent()).toMatch(/resnet[\s\S]*vgg|vgg[\s\S]*resnet/);
    for (const figure of [
      'model-ranking',
      'accuracy',
      'distributions',
      'layer-types',
      'depth',
      'width',
      'constant-units',
    ])
      expect(await page.locator(`figure#${figure} img`).boundingBox(), figure).toMatchObject({
        width: expect.any(Number),
      });
  });

  test('has links that lead to files that are there', async () => {
    const links = await page.$$eval('a[href]', (anchors) =>
      anchors.map((anchor) => anchor.getAttribute('href')!),
    );
    const files = links.filter((link) => !link.startsWith('#')).map((link) => new URL(link, page.url()));
    expect(files.length).toBeGreaterThan(30);
    for (const link of files) expect(existsSync(link), link.href).toBe(true);
  });

  test('fits a phone', async () => {
    await page.setViewportSize({ width: 380, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380);
  });
});
