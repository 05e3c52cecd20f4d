#include "shell/version.h"

const char* const kVersion = VERSION;
