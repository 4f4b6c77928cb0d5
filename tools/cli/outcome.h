// How a verb ends: nothing to say, or an exit status with one line for people.
#pragma once

#include <expected>
#include <string>

#include "base/result.h"

namespace hauspost::cli {

// Documented in --help, hauspost(1) and docs/cli.md: scripts rely on the numbers.
enum class Exit : int {
  kOk = 0,
  kRefused = 1,      // understood, and not done
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no server answers for this data root
  kPartial = 4,      // done in part; what was not is listed
};

struct Failure {
  Exit exit = Exit::kRefused;
  std::string code;  // as base/result.h spells error codes; "usage", "partial" for ours
  std::string text;  // object, cause, next step: one line
  bool answered = false;  // the whole answer is on standard output already
};

template <class T = void>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> usage(std::string text) {
  return std::unexpected(Failure{Exit::kUsage, "usage", std::move(text)});
}
inline std::unexpected<Failure> refused(ErrorCode code, std::string text) {
  return std::unexpected(Failure{Exit::kRefused, std::string(to_string(code)), std::move(text)});
}
inline std::unexpected<Failure> refused(Error error) {
  return refused(error.code, std::move(error.text));
}
inline std::unexpected<Failure> partial(std::string text) {
  return std::unexpected(Failure{Exit::kPartial, "partial", std::move(text)});
}

}  // namespace hauspost::cli
