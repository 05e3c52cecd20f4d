<?php
// The same exchange in PHP: JSON in, a form to the upstream, its JSON out. PHP-FPM forgets every
// handle at the end of a request (PHP 8.5 is the first that can share one), so each exchange connects.
declare(strict_types=1);

function answer(int $status, string $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    header('Content-Length: ' . strlen($body));
    echo $body;
    exit;
}

$login = json_decode(file_get_contents('php://input'), true);
if (!is_array($login) || !is_string($login['code'] ?? null) || !is_string($login['redirect_uri'] ?? null)) {
    answer(422, '{"detail":"code and redirect_uri are required"}');
}
$curl = curl_init($_SERVER['THREADS_API_URL'] . '/oauth/access_token');
curl_setopt_array($curl, [
    CURLOPT_POSTFIELDS => http_build_query([
        'client_id' => $_SERVER['THREADS_APP_ID'],
        'client_secret' => $_SERVER['THREADS_APP_SECRET'],
        'redirect_uri' => $login['redirect_uri'],
        'code' => $login['code'],
        'grant_type' => 'authorization_code',
    ]),
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 10,
]);
$body = curl_exec($curl);
if ($body === false || curl_getinfo($curl, CURLINFO_RESPONSE_CODE) !== 200 || !is_array(json_decode($body, true))) {
    answer(502, '{"detail":"no answer"}');
}
answer(200, $body);
