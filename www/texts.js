// Every sentence the page can say, by language. A value is a text, or a function of the values it
// mentions. The English of index.html is repeated from here; tests/page keeps the two the same.

const en = {
  title: 'Login with Threads',
  again: 'Start again',
  heading: 'Get a Threads token',
  lead: 'Log in once, leave with a token for your app, bot or script. '
    + 'It lives in this page’s memory only: copy it before you go.',
  rehearsal: 'This is a rehearsal. This server plays Threads itself: '
    + 'no Meta account is needed, and its tokens are worth nothing.',

  loginHeading: 'Log in',
  loginAbout: 'Threads asks for your consent and sends you back here with a short-lived token. '
    + 'One more click makes it a long-lived token, good for 60 days.',
  login: 'Login with Threads',
  asks: 'What this asks Threads for',
  appId: 'App id',
  scopes: 'Permissions',
  redirectUri: 'Redirect URI',
  redirectAbout: 'It must be registered in the dashboard exactly like this, byte for byte.',

  pasteHeading: 'I already have a token',
  pasteAbout: 'Inspect any token, or refresh a long-lived token for 60 more days.',
  token: 'Token',
  show: 'Show',
  hide: 'Hide',
  inspect: 'Inspect',
  refresh: 'Refresh',

  shortHeading: 'Short-lived token',
  shortAbout: 'Good for one hour. Make it a long-lived token before then.',
  longHeading: 'Long-lived token',
  longAbout: 'Good for 60 days. Refresh it before then, again and again; a lapsed one is lost.',
  getLong: 'Get Long-Lived Access Token',
  refreshedHeading: 'Refreshed token',
  refreshedAbout: 'Good for 60 days from now. Store it in place of the old one.',
  expires: 'Expires',
  refreshFrom: 'Can be refreshed from',
  tokenType: 'Token type',
  userId: 'User id',
  curl: 'The same with curl',
  curlCode: 'Your authorization code is used up: a code works once. '
    + 'Put a new one in the place of AUTHORIZATION_CODE.',
  curlToken: 'The line waits until you paste the token and press Enter. '
    + 'It is not shown and stays out of the shell’s history.',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'Not copied: press Ctrl+C or ⌘C, the text is selected.',

  inspectionHeading: 'Inspection',
  account: 'Account',
  valid: 'Valid',
  yes: 'Yes',
  no: 'No',
  type: 'Type',
  application: 'Application',
  issued: 'Issued',
  verdicts: {
    expired: 'This token has expired and cannot be refreshed any more. Log in again.',
    invalid: 'Threads does not accept this token: it may have been revoked. Log in again.',
    short: 'A short-lived token. It cannot be refreshed; get a long-lived token for it before it expires.',
    young: 'A long-lived token in good health. It can be refreshed once it is 24 hours old.',
    ready: 'A long-lived token in good health. It can be refreshed now.',
    unknown: 'A valid token. Threads does not say how long it lives.',
  },

  left: (time) => `${time} left`,
  lessThanAMinute: 'less than a minute',
  expired: 'expired',
  copyWhat: (what) => `Copy: ${what}`,
  pictureOf: (name) => `Profile picture of ${name}`,

  opening: 'Opening Threads…',
  exchanging: 'Getting the short-lived token…',
  lengthening: 'Getting the long-lived token…',
  refreshing: 'Refreshing the token…',
  inspecting: 'Inspecting the token…',
  noAccount: 'Whose account it is could not be found out.',
  asking: 'Asking whose account it is…',

  denied: 'You were not logged in.',
  deniedBy: (said) => `Threads says: ${said}`,
  stateMissing: 'This login could not be checked, so nothing was sent.',
  stateMissingHint: 'The address came back without its state. Start the login again from this page.',
  stateUnknown: 'This login was not started in this tab, or was finished already, so nothing was sent.',
  stateUnknownHint: 'Start the login again, and stay in the same tab until you are back.',
  stateWrong: 'This login is not the one that this tab started, so nothing was sent.',
  stateWrongHint: 'Somebody may have given you the link, or a second login overtook it. Start again.',
  noStorage: 'This browser lets the page keep nothing, so it could not check your login.',
  noStorageHint: 'Allow site data for this address, then try again.',
  badConfig: 'This server’s settings hold no usable address for the login.',
  badConfigHint: 'Whoever runs it should look at THREADS_AUTH_URL.',

  unreachable: 'The server could not be reached.',
  unreachableHint: 'Look at your connection, then try again.',
  tooSlow: 'The server took too long to answer.',
  tooSlowHint: 'Try again in a moment.',
  unreadable: (status) => `The server’s answer (${status}) could not be understood.`,
  unreadableHint: 'Whoever runs it should look at its log.',
  codeIsGone: 'An authorization code works once: start the login again.',
  field: (name, message) => `${name}: ${message}`,
  tryIn: (time) => `Try again in ${time}.`,
  tryAt: (time) => `Try again at ${time}.`,

  tokenEmpty: 'Paste a token first.',
  tokenAddress: 'This is an address, not a token.',
  tokenAddressHint: 'An authorization code from the address bar works once; log in to get a token.',
  tokenApp: 'This is an app’s token, not a person’s.',
  tokenAppHint: 'It begins with TH| and cannot be inspected or refreshed here. Log in to get one.',
  tokenShape: 'This does not look like a token.',
  tokenShapeHint: 'A token is one long word of letters and digits. Copy it again, all of it.',
};

export const texts = { en };

/** The first of the person's languages that there are texts for. */
export function choose(languages) {
  const known = languages.map((tag) => tag.toLowerCase().split('-')[0]);
  return known.find((tag) => Object.hasOwn(texts, tag)) ?? 'en';
}
