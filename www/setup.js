// What Meta's dashboard wants to know, and whether it will take the address this page is served at.

/** The three addresses to paste, by the names of their texts. */
export function callbackUrls(origin) {
  return {
    redirectUrl: `${origin}/auth/callback`,
    uninstallUrl: `${origin}/deauthorize`,
    deleteUrl: `${origin}/data-deletion`,
  };
}

/** Why Meta will refuse this address, as the name of a text; null when it may take it. */
export function addressProblem({ protocol, hostname }) {
  const host = hostname.replace(/\.$/, '').toLowerCase();
  if (/^(.*\.)?localhost$/.test(host)) return 'addressLocalhost';
  if (/^[\d.]+$/.test(host) || host.startsWith('[')) return 'addressNumber';
  if (!host.includes('.') || /\.(local|lan|home|internal|test|example|invalid|arpa)$/.test(host)) return 'addressPrivate';
  return protocol === 'https:' ? null : 'addressHttp';
}

export const isAppId = (text) => /^\d{5,20}$/.test(text);
