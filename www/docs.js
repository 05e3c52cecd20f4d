// The page at /docs: Swagger UI over /openapi.json, or how to get it where it is not installed.
const { SwaggerUIBundle } = globalThis;
const dark = matchMedia('(prefers-color-scheme: dark)');
const colours = () => document.documentElement.classList.toggle('dark-mode', dark.matches);

if (SwaggerUIBundle) {
  dark.addEventListener('change', colours);
  colours();
  SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#reader',
    deepLinking: true,
    validatorUrl: null,  // it would send the description's address to another host
    withCredentials: false,
  });
} else {
  document.querySelector('main').hidden = false;
}
