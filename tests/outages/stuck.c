// For the tests: a call of libcurl that does not come back while the file $STUCK exists.
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#undef curl_multi_socket_action

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int mask, int *running) {
  CURLMcode (*original)(CURLM *, curl_socket_t, int, int *) =
      (CURLMcode(*)(CURLM *, curl_socket_t, int, int *))dlsym(RTLD_NEXT, "curl_multi_socket_action");
  while (access(getenv("STUCK"), F_OK) == 0) usleep(1000);
  return original(multi, socket, mask, running);
}
