// What hauspost-auth keeps of passwords: nothing that is one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/link/session_link.h"
#include "protocols/sasl/scram.h"

namespace hauspost::auth {

// Of one password, for each hash; members without keys: none.
struct ScramKeySet {
  sasl::ScramKeys sha_256;
  sasl::ScramKeys sha_1;

  const sasl::ScramKeys& of(crypto::Digest digest) const {
    return digest == crypto::Digest::kSha1 ? sha_1 : sha_256;
  }
  bool empty() const { return sha_256.stored_key.empty() && sha_1.stored_key.empty(); }
};

// Salt and iterations hold for the mailbox's password and all of its app passwords, since an
// exchange learns only in its last message which of them it was.
struct Scram {
  std::string salt;
  std::uint32_t iterations = 0;
  ScramKeySet password;
};

struct ProtocolSet {
  bool imap = true;
  bool pop3 = true;
  bool smtp = true;

  bool has(link::Protocol protocol) const {
    switch (protocol) {
      case link::Protocol::kImap: return imap;
      case link::Protocol::kPop3: return pop3;
      case link::Protocol::kSmtp: return smtp;
      case link::Protocol::kHttp: return imap || pop3 || smtp;
    }
    return false;
  }
};

struct AppPassword {
  std::uint64_t id = 0;  // rises within the mailbox
  std::string name;      // unique in the mailbox, without regard to ASCII case
  std::string tag;       // keyed hash; see VerifierStore::app_password_tag
  ScramKeySet scram;
  ProtocolSet protocols;
  std::int64_t created_s = 0;
  std::int64_t used_s = 0;  // 0: never
  std::string used_from;
};

struct StoredCredentials {
  std::optional<std::string> verifier;  // argon2id string of the mailbox's own password
  std::optional<Scram> scram;
  std::vector<AppPassword> app_passwords;  // oldest first
};

inline constexpr std::size_t kAppPasswordsMax = 50;     // of a mailbox
inline constexpr std::size_t kAppPasswordNameMax = 64;  // bytes

}  // namespace hauspost::auth
