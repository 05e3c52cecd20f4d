// HTML by html-validate's recommended rules.
export default {
  root: true,
  extends: ['html-validate:recommended'],
  rules: {
    // HTML takes either case; the page's is the one that most people write today.
    'doctype-style': ['error', { style: 'lowercase' }],
    // The card in <template> gets its heading's text when it is drawn (www/app.js).
    'empty-heading': 'off',
  },
};
