#include "protocols/sasl/client.h"

#include <algorithm>

#include "base/crypto/mac.h"
#include "base/text.h"
#include "protocols/sasl/saslprep.h"
#include "protocols/sasl/scram.h"

namespace hauspost::sasl {

namespace {

constexpr crypto::Digest kDigest = crypto::Digest::kSha256;
constexpr std::string_view kGs2Header = "n,,";  // no channel binding, no other identity

class Plain final : public ClientMechanism {
 public:
  Plain(std::string name, Secret password)
      : user_(std::move(name)), password_(std::move(password)) {}

  std::string_view name() const override { return "PLAIN"; }
  std::optional<Secret> initial() override {
    std::string message(1, '\0');
    message += user_;
    message += '\0';
    message += password_.reveal();
    return Secret(std::move(message));
  }
  Result<Secret> respond(std::string_view) override {
    return fail(ErrorCode::kInvalid, "PLAIN has no further step");
  }
  bool is_complete() const override { return true; }

 private:
  std::string user_;
  Secret password_;
};

// "Username:", then "Password:"; what the server says is not looked at (it varies).
class Login final : public ClientMechanism {
 public:
  Login(std::string name, Secret password)
      : user_(std::move(name)), password_(std::move(password)) {}

  std::string_view name() const override { return "LOGIN"; }
  std::optional<Secret> initial() override { return std::nullopt; }
  Result<Secret> respond(std::string_view) override {
    switch (++step_) {
      case 1: return Secret(user_);
      case 2: return password_;
      default: return fail(ErrorCode::kInvalid, "LOGIN has no third step");
    }
  }
  bool is_complete() const override { return step_ == 2; }

 private:
  std::string user_;
  Secret password_;
  int step_ = 0;
};

// saslname (RFC 5802 section 5.1).
std::string encode_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',')
      out += "=2C";
    else if (c == '=')
      out += "=3D";
    else
      out += c;
  }
  return out;
}

// "x=value" among the attributes of a server's message; nullopt: not there.
std::optional<std::string_view> attribute(std::string_view message, char name) {
  for (const std::string_view one : split(message, ',')) {
    if (one.size() >= 2 && one[0] == name && one[1] == '=') return one.substr(2);
  }
  return std::nullopt;
}

class Scram final : public ClientMechanism {
 public:
  Scram(std::string_view name, Secret password, const std::string& nonce)
      : password_(std::move(password)),
        nonce_(nonce),
        first_bare_("n=" + encode_name(name) + ",r=" + nonce) {}

  std::string_view name() const override { return "SCRAM-SHA-256"; }
  std::optional<Secret> initial() override { return Secret(std::string(kGs2Header) + first_bare_); }
  Result<Secret> respond(std::string_view challenge) override {
    switch (++step_) {
      case 1: return client_final(challenge);
      case 2: return after_server_final(challenge);
      default: return fail(ErrorCode::kInvalid, "SCRAM has no third step");
    }
  }
  bool is_complete() const override { return proven_; }

 private:
  Result<Secret> client_final(std::string_view server_first) {
    const auto nonce = attribute(server_first, 'r');
    const auto salt_text = attribute(server_first, 's');
    const auto iterations = parse_u64(attribute(server_first, 'i').value_or(""));
    const auto salt = salt_text ? base64_decode(*salt_text) : std::nullopt;
    // RFC 5802 section 5.1: an "m" extension must end the exchange, and the nonce begins with ours.
    if (attribute(server_first, 'm') || !nonce || !salt || salt->empty() || !iterations ||
        !nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
      return fail(ErrorCode::kInvalid, "SCRAM: the server's first message is malformed");
    }
    if (*iterations < kScramIterationsLeast || *iterations > kScramIterationsMost)
      return fail(ErrorCode::kInvalid,
                  "SCRAM: the server asks for " + std::to_string(*iterations) + " iterations");
    const std::string without_proof =
        "c=" + base64_encode(kGs2Header) + ",r=" + std::string(*nonce);
    const std::string auth_message =
        first_bare_ + "," + std::string(server_first) + "," + without_proof;
    const Secret salted(crypto::pbkdf2(kDigest, password_.reveal(), *salt,
                                       static_cast<std::uint32_t>(*iterations)));
    const Secret client_key(crypto::hmac(kDigest, salted.reveal(), "Client Key"));
    const std::string stored_key = crypto::hash(kDigest, client_key.reveal());
    const std::string proof =
        crypto::exclusive_or(client_key.reveal(), crypto::hmac(kDigest, stored_key, auth_message));
    const Secret server_key(crypto::hmac(kDigest, salted.reveal(), "Server Key"));
    server_signature_ = crypto::hmac(kDigest, server_key.reveal(), auth_message);
    return Secret(without_proof + ",p=" + base64_encode(proof));
  }

  Result<Secret> after_server_final(std::string_view server_final) {
    const auto text = attribute(server_final, 'v');
    const auto signature = text ? base64_decode(*text) : std::nullopt;
    if (!signature || !crypto::equal(*signature, server_signature_))
      return fail(ErrorCode::kDenied, "SCRAM: the server does not prove that it knows us");
    proven_ = true;
    return Secret(std::string());
  }

  Secret password_;
  std::string nonce_;
  std::string first_bare_;
  std::string server_signature_;
  int step_ = 0;
  bool proven_ = false;
};

}  // namespace

std::unique_ptr<ClientMechanism> choose_client_mechanism(std::span<const std::string> offered,
                                                         std::string name, Secret password,
                                                         std::string nonce) {
  const auto offers = [&](std::string_view mechanism) {
    return std::ranges::find(offered, mechanism) != offered.end();
  };
  if (offers("SCRAM-SHA-256")) {
    // What SASLprep refuses cannot be what the server has; it will say so itself.
    const std::string prepared_name = saslprep(name).value_or(name);
    auto prepared = saslprep(password.reveal());
    if (prepared) password = Secret(std::move(*prepared));
    return std::make_unique<Scram>(prepared_name, std::move(password), nonce);
  }
  if (offers("PLAIN")) return std::make_unique<Plain>(std::move(name), std::move(password));
  if (offers("LOGIN")) return std::make_unique<Login>(std::move(name), std::move(password));
  return nullptr;
}

}  // namespace hauspost::sasl
