// Plain CGI (RFC 3875): one request from the environment and standard input, one reply, the end.
#pragma once

#include "shell/service.h"

// Whether a web server started the program for one request.
bool is_cgi();

// Serves the request and logs it.
void serve_cgi(const ServicePtr& service);

// Answers the request with an error, whatever it was.
void refuse_cgi(std::string_view sentence);
