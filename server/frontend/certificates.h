// Certificates: what the front-end shows its clients, read from files and read again when they
// change. What does not load leaves the last good one in its place.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/tls/acme_challenge.h"
#include "base/tls/certificate_facts.h"
#include "base/tls/ticket_keys.h"
#include "base/tls/tls_context.h"
#include "server/frontend/certificate_source.h"

namespace hauspost::frontend {

struct CertificateFiles {
  std::string certificate_file;  // PEM: leaf first
  std::string key_file;
  bool operator==(const CertificateFiles&) const = default;
};

// Days before the end at which the log begins to warn, once a day.
inline constexpr std::chrono::days kExpiryWarning{14};

// REQUIRES: one thread; the clock outlives it.
class Certificates {
 public:
  using List = std::function<std::vector<CertificateFiles>()>;  // the default first

  struct Entry {
    CertificateFiles files;
    std::optional<tls::CertificateFacts> facts;  // of what is in use; none: never loaded
    std::string error;                           // of the last look at the files; empty: fine
    std::int64_t change_time = 0;                // of the files, when they were last looked at
    std::optional<tls::PemPair> pem;
  };

  // `client_ca_file`: authorities whose certificates clients may log in with; empty: they are not
  // asked for one. A file that cannot be used is logged, and then they are not asked either.
  // `source` outlives it; null: the files themselves.
  Certificates(const Clock& clock, List list, std::string client_ca_file = {},
               const CertificateSource* source = nullptr)
      : clock_(clock),
        source_(source == nullptr ? &disk_ : source),
        list_(std::move(list)),
        client_ca_file_(std::move(client_ca_file)),
        tickets_(std::make_shared<tls::TicketKeys>(clock)),
        challenges_(std::make_shared<tls::AcmeChallenges>()) {}

  // Reads the list and every file of it. Handshakes that begin later use what was read. The error
  // is the first one met; kInvalid, kNotFound, kDenied. Whatever loads is used all the same, but
  // without a default, old or new, there is no TLS. Blocks for the reading.
  Result<> load();
  // True when the list or a file is another one than at the last load().
  bool changed() const;
  // Warns in the log of what has expired or soon will; says so once a day.
  void warn_of_expiry();

  // Null: no TLS.
  const std::shared_ptr<const tls::TlsContext>& context() const { return context_; }
  const std::vector<Entry>& entries() const { return entries_; }
  // What is proved to certificate authorities, at every listener that begins with TLS.
  tls::AcmeChallenges& challenges() { return *challenges_; }

 private:
  Result<tls::TlsContext> make_context(const std::vector<tls::PemPair>& pairs);
  Result<tls::TlsContext> make_plain_context(const std::vector<tls::PemPair>& pairs);
  Result<> read_entry(Entry& entry) const;
  std::int64_t change_time(const CertificateFiles& files) const;
  std::int64_t client_ca_time() const;

  const Clock& clock_;
  DiskFiles disk_;
  const CertificateSource* source_;
  List list_;
  std::string client_ca_file_;
  std::int64_t client_ca_time_ = 0;  // of its last change that was read
  std::shared_ptr<tls::TicketKeys> tickets_;
  std::shared_ptr<tls::AcmeChallenges> challenges_;  // shared with every context
  std::vector<Entry> entries_;
  std::shared_ptr<const tls::TlsContext> context_;  // shared with handshakes under way
  std::int64_t warned_day_ = -1;
};

}  // namespace hauspost::frontend
