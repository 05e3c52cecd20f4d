// The npm packages of the tests, which tests/run installs into build/npm:
// `const { chromium } = npm('playwright-core')`.
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from './stage.mjs';

export const npm = createRequire(path.join(build, 'npm/package.json'));
