// Result<T>: how "the world is wrong" travels. A peer's mistakes are protocol values of their own
// and our own mistakes are HP_CHECK; neither is an Error.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hauspost {

enum class ErrorCode {
  kInvalid,      // a value is not acceptable
  kNotFound,     // the named object does not exist
  kExists,       // the named object exists already
  kDenied,       // not allowed
  kExhausted,    // a limit, the disk
  kUnavailable,  // cannot be done now, may work later
  kCorrupt,      // stored bytes are not what was written
  kCancelled,    // stopped on our own demand
  kTimeout,      // the peer was too slow
  kOverQuota,    // the mailbox is full
  kInternal,     // a bug or an unexpected answer of the system
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string text;  // for people; outer layers prepend what they were doing

  // The same error, seen from a layer further out: "mounting DB1: opening log: permission denied".
  Error within(std::string_view doing) &&;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string text) {
  return std::unexpected(Error{code, std::move(text)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

// "what: strerror(errno)"; ENOSPC and EDQUOT become kExhausted, ENOENT kNotFound, EACCES kDenied,
// EEXIST kExists, anything else kInternal.
Error errno_error(std::string_view what, int error_number = errno);

}  // namespace hauspost

#define HP_CONCAT_INNER(a, b) a##b
#define HP_CONCAT(a, b) HP_CONCAT_INNER(a, b)

// TRY_ASSIGN(auto x, expression): x = value, or return the error.
#define TRY_ASSIGN(target, ...) \
  HP_TRY_ASSIGN_(HP_CONCAT(try_, __COUNTER__), return, target, __VA_ARGS__)
#define CO_TRY_ASSIGN(target, ...) \
  HP_TRY_ASSIGN_(HP_CONCAT(try_, __COUNTER__), co_return, target, __VA_ARGS__)
#define HP_TRY_ASSIGN_(temporary, leave, target, ...)    \
  auto temporary = (__VA_ARGS__);                        \
  if (!temporary) [[unlikely]]                           \
    leave std::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)

// TRY(expression): the value is not wanted, only the error.
#define TRY(...) HP_TRY_(HP_CONCAT(try_, __COUNTER__), return, __VA_ARGS__)
#define CO_TRY(...) HP_TRY_(HP_CONCAT(try_, __COUNTER__), co_return, __VA_ARGS__)
#define HP_TRY_(temporary, leave, ...)                     \
  do {                                                     \
    auto temporary = (__VA_ARGS__);                        \
    if (!temporary) [[unlikely]]                           \
      leave std::unexpected(std::move(temporary).error()); \
  } while (false)
