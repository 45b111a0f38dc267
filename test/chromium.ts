import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { missing } from './require.ts';

const PATH = '/usr/bin/chromium';
const ARGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** Why there is no browser for tests, see {@link missing}. */
export const noBrowser = missing('chromium', existsSync(PATH));

/** Starts a headless Chromium that sends nothing by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ARGS.split(' ') });
}
