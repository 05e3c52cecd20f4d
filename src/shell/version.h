// The version, in a file of its own: a new one rebuilds nothing else.
#pragma once

// "MAJOR.MINOR.PATCH", of the newest release in CHANGELOG.md.
extern const char* const kVersion;
