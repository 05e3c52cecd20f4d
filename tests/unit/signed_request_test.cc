// Meta's signed_request and the callbacks around it. The signatures below were made with
// `printf %s ENCODED_PAYLOAD | openssl dgst -sha256 -hmac app-secret`, not with the code under
// test.
#include "threads/signed_request.h"

#include <doctest/doctest.h>

#include <string>

#include "core/form.h"
#include "threads/endpoints.h"

namespace {

const std::string kText =
    "xrOzmAjZcPt3U2oRe5dD2kp2F439grAwbfze9MgBqpA.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlz"
    "c3VlZF9hdCI6MTgwMDAwMDAwMCwidXNlcl9pZCI6IjE3ODQxNDA1NzkzMTg3MjE4In0";
const std::string kPadded =
    "1t42FskAW31numMKk4hbRhVg76AqSetEyDW8Z3RbGDw=.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV"
    "4cGlyZXMiOjE4MDAwMDM2MDAsImlzc3VlZF9hdCI6MTgwMDAwMDAwMCwidXNlcl9pZCI6IjE3ODQxNDA1Nzk"
    "zMTg3MjE4In0=";
const std::string kNumber =
    "jlDk3X3Fq5t9e_7zcv_4AibVwDsd8vZ7LlSw4x1IzG4.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlz"
    "c3VlZF9hdCI6MTgwMDAwMDAwMCwidXNlcl9pZCI6MTc4NDE0MDU3OTMxODcyMTh9";
const std::string kOtherAlgorithm =
    "gdLQpjub75DGG__VHFjYXeRAWc8_RKvvAIwk0rr-N1s.eyJhbGdvcml0aG0iOiJub25lIiwidXNlcl9pZCI6"
    "IjEifQ";
const std::string kNoAlgorithm = "K6tQDMlgbntfDABB-Nw9fJQqb-bVF3FomyQprrL7EEE.eyJ1c2VyX2lkIjoiMSJ9";
const std::string kNoUser =
    "b3UJ9u-fATuFaU_Cmmktja0cpZFjzP25YoXYo55_1GM.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiJ9";
const std::string kEmptyUser =
    "CPFDQ2a5QnOfbABOk28o4Xg6u0esRUtVeCuDcKirDv0.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVz"
    "ZXJfaWQiOiIifQ";
const std::string kNegativeUser =
    "kADZY-_ZPIlNUEu9qWF27lUUN9OeycKs5361h462EA8.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVz"
    "ZXJfaWQiOi01fQ";
const std::string kFractionalUser =
    "greBUpUqnn2y-ceHAdXDi1EF1umP42TbR8MgjsNqK30.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVz"
    "ZXJfaWQiOjEuNX0";
// User ids of 64 and of 65 letters.
const std::string kLongUser =
    "P84BWKeOeJxcvpAw_0cTL4uDWGWiHvPK55aw8prgQyw.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVz"
    "ZXJfaWQiOiJ1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1"
    "dXV1dXV1dXV1In0";
const std::string kTooLongUser =
    "r_f3pGct-TJJDWjPL1FWA68i6-_XaUdBR04dPWZy5mI.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVz"
    "ZXJfaWQiOiJ1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1"
    "dXV1dXV1dXV1dSJ9";
const std::string kLowerCaseAlgorithm =
    "MBIvIuyC5vWO2H4VnpUHUgaYeRJpPEoOKbjC_RI7R_M.eyJhbGdvcml0aG0iOiJobWFjLXNoYTI1NiIsInVz"
    "ZXJfaWQiOiIxNzg0MTQwNTc5MzE4NzIxOCJ9";
const std::string kNoObject = "PN-EuJqT7m3qd-WKCkdoOSNJ95nc8M0bhz9wpkdSeUA.W10";
const std::string kNoJson = "5tghbMzuTkIhWVwZh9_1DNZQCvb9P-pCIXhF9sYs2YM.ew";

Config config() {
  Config c;
  c.app_secret = Secret("app-secret");
  c.client_secret = Secret("client-secret");
  return c;
}

Reply post(const std::string& path, const std::string& body,
           const std::string& type = "application/x-www-form-urlencoded",
           const Config& c = config()) {
  Request request;
  request.method = "POST";
  request.path = path;
  request.content_type = type;
  request.body = body;
  request.host = "login.example.com";
  return std::get<Reply>(route(request, c));
}

Reply status_of(const std::string& query) {
  Request request;
  request.method = "GET";
  request.path = "/data-deletion";
  request.query = query;
  return std::get<Reply>(route(request, config()));
}

std::string signed_form(std::string_view text) { return build_form({{"signed_request", text}}); }

}  // namespace

TEST_CASE("base64url, padded and unpadded, and nothing else") {
  CHECK(decode_base64url("") == "");
  CHECK(decode_base64url("Zg") == "f");
  CHECK(decode_base64url("Zg==") == "f");
  CHECK(decode_base64url("Zm8") == "fo");
  CHECK(decode_base64url("Zm8=") == "fo");
  CHECK(decode_base64url("Zm9v") == "foo");
  CHECK(decode_base64url("-_-_") == "\xfb\xff\xbf");
  for (const std::string bad : {"Z", "Zg=", "Zg===", "Zm9v=", "=", "==", "Zm8==", "Z m8", "Zm9v\n",
                                "+/+/", "Zh", "Zm9", "Z=g=", "Zm9vZ"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_base64url(bad).has_value());
  }
}

TEST_CASE("a genuine signed_request names its user, as text or as a number, by any secret") {
  for (const std::string& text : {kText, kPadded, kNumber, kLowerCaseAlgorithm}) {
    CAPTURE(text);
    CHECK(read_signed_request(text, {"app-secret"}) == "17841405793187218");
    CHECK(read_signed_request(text, {"other", "", "app-secret"}) == "17841405793187218");
  }
}

TEST_CASE("a user id has up to 64 characters") {
  CHECK(read_signed_request(kLongUser, {"app-secret"}) == std::string(64, 'u'));
  CHECK_FALSE(read_signed_request(kTooLongUser, {"app-secret"}));
}

TEST_CASE("everything else is refused") {
  CHECK_FALSE(read_signed_request(kText, {"wrong"}));
  CHECK_FALSE(read_signed_request(kText, {}));
  CHECK_FALSE(read_signed_request(kText, {""}));
  const std::size_t dot = kText.find('.');
  for (const std::string& bad : {std::string(),
                                 std::string("."),
                                 std::string(".."),
                                 kText.substr(0, dot),
                                 kText.substr(dot),
                                 kText.substr(0, dot + 1),
                                 kText + ".",
                                 kText + "x",
                                 "x" + kText,
                                 " " + kText,
                                 kText.substr(0, dot - 2) + kText.substr(dot),
                                 kNumber.substr(0, dot) + kText.substr(dot),
                                 kOtherAlgorithm,
                                 kNoAlgorithm,
                                 kNoUser,
                                 kEmptyUser,
                                 kNegativeUser,
                                 kFractionalUser,
                                 kNoObject,
                                 kNoJson}) {
    CAPTURE(bad);
    CHECK_FALSE(read_signed_request(bad, {"app-secret"}).has_value());
  }
  std::string flipped = kText;
  flipped[0] = flipped[0] == 'A' ? 'B' : 'A';
  CHECK_FALSE(read_signed_request(flipped, {"app-secret"}));
}

TEST_CASE("confirmation codes are steady, differ, and prove themselves") {
  const std::string code = confirmation_code("1", "secret");
  CHECK(code == confirmation_code("1", "secret"));
  CHECK(code != confirmation_code("2", "secret"));
  CHECK(code != confirmation_code("1", "other"));
  CHECK(code.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(is_confirmation_code(code, "secret"));
  CHECK_FALSE(is_confirmation_code(code, "other"));
  CHECK_FALSE(is_confirmation_code("", "secret"));
  CHECK_FALSE(is_confirmation_code(code + "0", "secret"));
  CHECK_FALSE(is_confirmation_code(std::string(code.size(), '0'), "secret"));
}

TEST_CASE("POST /deauthorize") {
  CHECK(post("/deauthorize", signed_form(kText)).status == 200);
  CHECK(post("/deauthorize", signed_form(kText)).body == "{}");
  CHECK(post("/deauthorize", signed_form(kPadded)).status == 200);
  for (const std::string& body :
       {std::string(), std::string("x=y"), signed_form("x"),
        signed_form(kText) + "&" + signed_form(kText), std::string("signed_request=%zz")}) {
    CAPTURE(body);
    CHECK(post("/deauthorize", body).status == 400);
  }
  CHECK(post("/deauthorize", signed_form(kText), "application/json").status == 415);
  CHECK(post("/deauthorize", std::string(kMaxBody + 1, 'x')).status == 413);
}

TEST_CASE("POST /data-deletion gives the status page's address, and that page is there") {
  const Reply reply = post("/data-deletion", signed_form(kText));
  CHECK(reply.status == 200);
  const std::string code = confirmation_code("17841405793187218", "app-secret");
  CHECK(reply.body == "{\"url\":\"https://login.example.com/data-deletion?code=" + code +
                          "\",\"confirmation_code\":\"" + code + "\"}");
  CHECK(post("/data-deletion", signed_form(kNumber)).body == reply.body);
  CHECK(post("/data-deletion", signed_form(kNoUser)).status == 400);

  const Reply page = status_of("code=" + code);
  CHECK(page.status == 200);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(page.body.find(code) != std::string::npos);
  CHECK(page.body.find("stores nothing") != std::string::npos);
  for (const std::string query : {"", "code=", "code=<script>", "code=%zz", "x=y"}) {
    CAPTURE(query);
    const Reply unknown = status_of(query);
    CHECK(unknown.status == 404);
    CHECK(unknown.body.find("<script>") == std::string::npos);
  }
}

TEST_CASE(
    "the status page's address is the configured one where there is one, and never a made-up "
    "host") {
  Config c = config();
  c.redirect_uris = {"https://login.example.org/auth/callback"};
  CHECK(post("/data-deletion", signed_form(kText), "application/x-www-form-urlencoded", c)
            .body.starts_with("{\"url\":\"https://login.example.org/data-deletion?code="));
  c.redirect_uris = {"https://login.example.org?x=/y"};
  CHECK(post("/data-deletion", signed_form(kText), "application/x-www-form-urlencoded", c)
            .body.starts_with("{\"url\":\"https://login.example.org/data-deletion?code="));
  Request request;
  request.method = "POST";
  request.path = "/data-deletion";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = signed_form(kText);
  for (const std::string& host :
       {std::string(), std::string("evil.example/x"), std::string("a b"), std::string("x@y"),
        std::string("a\r\nb"), std::string(256, 'a')}) {
    CAPTURE(host);
    request.host = host;
    CHECK(
        std::get<Reply>(route(request, config())).body.starts_with("{\"url\":\"http://localhost/"));
  }
}

TEST_CASE("the status page is at http:// only where the host is this machine and came by http") {
  struct Row {
    std::string host;
    bool https;
    std::string origin;
  };
  const std::string longest(255, 'a');
  for (const Row& row : {Row{"localhost", false, "http://localhost"},
                         Row{"localhost:8080", false, "http://localhost:8080"},
                         Row{"127.0.0.1:8080", false, "http://127.0.0.1:8080"},
                         Row{"[::1]:8080", false, "http://[::1]:8080"},
                         Row{"localhost:8443", true, "https://localhost:8443"},
                         Row{"127.0.0.1", true, "https://127.0.0.1"},
                         Row{"login.example.com", false, "https://login.example.com"},
                         Row{"login.example.com", true, "https://login.example.com"},
                         Row{"localhosting.example", false, "https://localhosting.example"},
                         Row{"localhost.example", false, "https://localhost.example"},
                         Row{"127.0.0.1.nip.io", false, "https://127.0.0.1.nip.io"},
                         Row{longest, false, "https://" + longest}}) {
    CAPTURE(row.host);
    CAPTURE(row.https);
    Request request;
    request.method = "POST";
    request.path = "/data-deletion";
    request.content_type = "application/x-www-form-urlencoded";
    request.body = signed_form(kText);
    request.host = row.host;
    request.https = row.https;
    CHECK(std::get<Reply>(route(request, config()))
              .body.starts_with("{\"url\":\"" + row.origin + "/data-deletion?code="));
  }
}
