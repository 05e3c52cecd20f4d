// The npm packages of the tests, which tests/run installs into build/npm:
// `const { chromium } = npm('playwright-core')`.
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './stage.mjs';

export const npm = createRequire(path.join(root, 'build/npm/package.json'));
