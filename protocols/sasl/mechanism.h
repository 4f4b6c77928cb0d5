// SASL mechanisms, server side (RFC 4422), over decoded octets. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"

namespace hauspost::sasl {

inline constexpr std::size_t kNameMax = 255;       // octets; RFC 4616 section 2 asks for so many
inline constexpr std::size_t kPasswordMax = 1024;  // octets

// What `Credentials::password` is.
enum class Proof : std::uint8_t {
  kPassword,
  kBearer,       // a bearer token (RFC 6750); `name` may be empty: the token alone says who it is
  kCertificate,  // empty: the client's certificate stands for it; `name` may be empty too
};

// What a finished mechanism learnt; whether it is true is for others to say.
struct Credentials {
  std::string authorization_id;  // whom to act as; empty: `name` itself
  std::string name;
  Secret password;
  Proof proof = Proof::kPassword;
};

struct Step {
  enum class Kind {
    kChallenge,  // send `challenge`, feed the answer to respond()
    kDone,       // `credentials` are complete
    kInvalid,    // the client broke the mechanism's grammar: fail the authentication
    kAborted,    // the client cancelled (RFC 4422 section 3.5); made by Exchange only
  };
  Kind kind = Kind::kInvalid;
  std::string challenge;
  Credentials credentials;
};

class Mechanism {
 public:
  virtual ~Mechanism() = default;
  // `initial` is the initial response when the client sent one; empty and absent differ.
  virtual Step start(std::optional<std::string_view> initial) = 0;
  // REQUIRES: the last step was kChallenge.
  virtual Step respond(std::string_view response) = 0;
};

// "PLAIN", "LOGIN" or a name of token_mechanisms.h in any case; null for every other name. What is
// offered at a place is for others to know.
std::unique_ptr<Mechanism> make_mechanism(std::string_view name);

// PLAIN's message (RFC 4616 section 2): [authzid] NUL authcid NUL passwd. nullopt unless there are
// exactly two NULs, name and password are not empty, nothing is longer than the limits and all is
// UTF-8.
std::optional<Credentials> parse_plain(std::string_view message);

}  // namespace hauspost::sasl
