// SASL, the client's side: how we log in to another server: SCRAM-SHA-256 (RFC 5802, RFC 7677),
// PLAIN (RFC 4616), LOGIN. Pure, over decoded octets.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace hauspost::sasl {

// A server that asks for more would keep us computing.
inline constexpr std::uint32_t kScramIterationsMost = 100'000;

class ClientMechanism {
 public:
  virtual ~ClientMechanism() = default;
  virtual std::string_view name() const = 0;
  // The initial response; nullopt: the server speaks first.
  virtual std::optional<Secret> initial() = 0;
  // The answer to a challenge. kInvalid: the server breaks the mechanism's rules; kDenied: it does
  // not know the password either (SCRAM): do not go on.
  virtual Result<Secret> respond(std::string_view challenge) = 0;
  // False while the server has not yet proven what the mechanism makes it prove: a success that
  // comes then is none.
  virtual bool is_complete() const = 0;
};

// The best that the server offers (names in upper case): SCRAM-SHA-256, PLAIN, LOGIN. Null: none of
// them. `nonce`: printable, no comma, fresh.
std::unique_ptr<ClientMechanism> choose_client_mechanism(std::span<const std::string> offered,
                                                         std::string name, Secret password,
                                                         std::string nonce);

}  // namespace hauspost::sasl
