// Imports a module of www/ as what a browser takes it for: Node 18 would read a .js file that no
// package.json calls a module as CommonJS, and www/ holds only what is served.

import { readFileSync } from 'node:fs';

export const read = (name) => readFileSync(new URL(`../../www/${name}`, import.meta.url), 'utf8');
export const load = (name) => import(
  `data:text/javascript;base64,${Buffer.from(read(name)).toString('base64')}`);
