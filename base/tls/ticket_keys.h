// TicketKeys: the keys under which session tickets (RFC 5077, RFC 8446 section 4.6.1) are sealed.
// They live in memory alone and change with time, so that a key that leaks opens little. Contexts
// share them: a renewed certificate does not cost clients their tickets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"

struct ssl_ctx_st;

namespace hauspost::tls {

// REQUIRES: one thread; the clock outlives every context that uses the keys.
class TicketKeys {
 public:
  // A key seals for one period and still opens during the next.
  static constexpr std::chrono::hours kPeriod{12};

  struct Key {
    std::array<std::uint8_t, 16> name;
    std::array<std::uint8_t, 32> mac;
    std::array<std::uint8_t, 32> cipher;
  };

  explicit TicketKeys(const Clock& clock) : clock_(clock) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  const Key& sealing();
  // Null: unknown or too old. `renew` is set when another key seals by now.
  const Key* opening(const std::uint8_t* name, bool& renew);

 private:
  void rotate();

  const Clock& clock_;
  std::optional<Key> current_;
  std::optional<Key> previous_;
  std::chrono::steady_clock::time_point since_;  // of current_
};

// The context holds `keys` from then on. False: no memory.
bool use_ticket_keys(ssl_ctx_st* context, std::shared_ptr<TicketKeys> keys);

}  // namespace hauspost::tls
