// What a look at the configuration has found: a sentence to print.
#pragma once

#include <string>

struct Finding {
  bool good = false;
  std::string sentence;  // names the variable; says where it is mended if it is not good
};
