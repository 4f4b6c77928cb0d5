// SigningKeys: the DKIM keys of our domains, as files of a folder that the supervisor writes and
// transport reads: DOMAIN/SELECTOR.key, lines of "name value", the private key among them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/crypto/private_key.h"
#include "transport/authentication/dkim_signature.h"

namespace hauspost::mailauth {

// Only active keys sign. One of an algorithm is active in a domain at a time.
enum class KeyState : std::uint8_t {
  kStaged,   // made, its record is to be published first
  kActive,   // signs
  kRetired,  // signs no more; its record stays published while mail is on its way
};
std::string_view to_string(KeyState state);

struct SigningKey {
  std::string domain;    // lower case, A-labels
  std::string selector;  // lower case
  KeyState state = KeyState::kStaged;
  std::int64_t created_s = 0;
  std::int64_t changed_s = 0;  // of its state
  crypto::PrivateKey key;

  Algorithm algorithm() const {
    return key.kind() == crypto::SignatureKind::kEd25519 ? Algorithm::kEd25519Sha256
                                                         : Algorithm::kRsaSha256;
  }
  std::string record_name() const { return selector + "._domainkey." + domain; }
  // What is to stand in the DNS: "v=DKIM1; k=rsa; p=...".
  std::string record() const;
};

// The file's content and back. kCorrupt: not such a file.
std::string to_file(const SigningKey& key);
Result<SigningKey> key_from_file(std::string_view text);

inline constexpr std::size_t kKeysOfDomainMax = 16;

class SigningKeys {
 public:
  // Blocks. A folder that is not there has no keys; a file that cannot be read is left out and
  // named in `faults`.
  static SigningKeys load(const std::string& folder);

  // Those that sign for the domain, which is in lower case; null: none does.
  const std::vector<SigningKey>* active(std::string_view domain) const;
  const std::vector<SigningKey>& all() const { return all_; }  // by domain and selector
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  std::vector<SigningKey> all_;
  std::map<std::string, std::vector<SigningKey>, std::less<>> active_;
  std::vector<std::string> faults_;
};

// Writes the file of `key`, whole or not at all, folder 0700 and file 0600; blocks.
Result<> write_key(const std::string& folder, const SigningKey& key);
// kNotFound.
Result<> remove_key(const std::string& folder, std::string_view domain, std::string_view selector);

}  // namespace hauspost::mailauth
