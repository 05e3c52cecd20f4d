// ESLint's recommended rules, and no more: the page runs in a browser, the tests run in Node and hand
// functions to a browser.
import js from '@eslint/js';
import globals from 'globals';

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  { files: ['www/**/*.js'], languageOptions: { globals: globals.browser } },
  { files: ['tests/**/*.mjs'], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  // What is taken out of an object so that the rest is without it.
  { rules: { 'no-unused-vars': ['error', { ignoreRestSiblings: true }] } },
];
