// HP_CHECK: a statement about our own code, on in every build. Never fed by input, by another
// process's bytes or by disk content: those are handled, not asserted.
#pragma once

namespace hauspost {

// Prints the failed expression and aborts. The supervisor restarts the process.
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace hauspost

#define HP_CHECK(expression)                          \
  (__builtin_expect(static_cast<bool>(expression), 1) \
       ? static_cast<void>(0)                         \
       : ::hauspost::check_failed(#expression, __FILE__, __LINE__))
#define HP_UNREACHABLE() ::hauspost::check_failed("unreachable", __FILE__, __LINE__)
