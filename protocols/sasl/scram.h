// SCRAM, server side (RFC 5802, RFC 7677): the grammar of its messages and its arithmetic. Pure:
// who the user is, and which keys are his, others say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/mac.h"
#include "base/log.h"

namespace hauspost::sasl {

inline constexpr std::size_t kScramNonceMax = 512;  // octets of the client's
inline constexpr std::size_t kScramServerNonceBytes = 18;
inline constexpr std::uint32_t kScramIterationsLeast = 4096;  // RFC 7677 section 4

struct ScramMechanism {
  std::string_view name;
  crypto::Digest digest = crypto::Digest::kSha256;
  bool plus = false;  // binds to the channel
};
// SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1-PLUS, SCRAM-SHA-1 in any case; null: another.
const ScramMechanism* find_scram(std::string_view name);

// What the server keeps of a password (RFC 5802 section 3). Empty: nothing.
struct ScramKeys {
  std::string stored_key;
  std::string server_key;
  bool operator==(const ScramKeys&) const = default;
};
// `password` is prepared already (saslprep.h). Takes about 1 us an iteration.
ScramKeys scram_keys(crypto::Digest digest, const Secret& password, std::string_view salt,
                     std::uint32_t iterations);

// client-first-message.
struct ScramClientFirst {
  enum class Binding : std::uint8_t {
    kUnsupported,   // "n": the client cannot
    kUnadvertised,  // "y": it can, and believes that we cannot
    kUsed,          // "p="
  };
  Binding binding = Binding::kUnsupported;
  std::string binding_type;      // of kUsed: "tls-exporter"
  std::string authorization_id;  // empty: the name itself
  std::string name;              // "=2C" and "=3D" are decoded; not prepared
  std::string nonce;
  std::string gs2_header;  // as it was sent
  std::string bare;        // as it was sent
};
// nullopt: malformed, too long, or with a mandatory extension ("m="), which nobody has defined.
std::optional<ScramClientFirst> parse_scram_first(std::string_view message);

// client-final-message.
struct ScramClientFinal {
  std::string channel_binding;  // decoded: gs2 header and binding data
  std::string nonce;
  std::string proof;          // decoded; its length is not checked
  std::string without_proof;  // as it was sent
};
std::optional<ScramClientFinal> parse_scram_final(std::string_view message);

// One exchange behind the two messages.
class ScramServer {
 public:
  // `nonce` is ours: printable, no comma.
  ScramServer(ScramMechanism mechanism, ScramClientFirst first, std::string nonce,
              std::string_view salt, std::uint32_t iterations);

  const ScramClientFirst& first() const { return first_; }
  std::string_view server_first() const { return server_first_; }
  // True when nonce and channel binding are those of this exchange. `binding_data` is of the type
  // that the client named.
  bool belongs(const ScramClientFinal& final, std::string_view binding_data) const;
  // True when the proof was made with the password of `keys`.
  bool proves(const ScramClientFinal& final, const ScramKeys& keys) const;
  // server-final-message: what shows the client that we have its keys.
  std::string server_final(const ScramClientFinal& final, const ScramKeys& keys) const;

 private:
  std::string auth_message(const ScramClientFinal& final) const;

  ScramMechanism mechanism_;
  ScramClientFirst first_;
  std::string nonce_;  // the client's and ours
  std::string server_first_;
};

}  // namespace hauspost::sasl
