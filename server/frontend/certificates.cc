#include "server/frontend/certificates.h"

#include <algorithm>

namespace hauspost::frontend {

std::int64_t Certificates::change_time(const CertificateFiles& files) const {
  // The sum changes with either, also when an older file comes back.
  return source_->change_time(files.certificate_file) + source_->change_time(files.key_file);
}

// Makes a context of the pair, only to see that certificate and key are good for one.
Result<> Certificates::read_entry(Entry& entry) const {
  const CertificateFiles& files = entry.files;
  TRY_ASSIGN(const Secret chain, source_->read(files.certificate_file));
  TRY_ASSIGN(Secret key, source_->read(files.key_file));
  tls::PemPair pair{std::string(chain.reveal()), std::move(key)};
  const auto usable = tls::TlsContext::server(pair.chain, pair.key.reveal());
  if (!usable) {
    Error error = usable.error();
    return fail(std::move(error).within(files.certificate_file + ", " + files.key_file));
  }
  TRY_ASSIGN(entry.facts, tls::certificate_facts(pair.chain));
  entry.pem = std::move(pair);
  return {};
}

std::int64_t Certificates::client_ca_time() const {
  return client_ca_file_.empty() ? 0 : source_->change_time(client_ca_file_);
}

Result<tls::TlsContext> Certificates::make_context(const std::vector<tls::PemPair>& pairs) {
  TRY_ASSIGN(tls::TlsContext made, make_plain_context(pairs));
  TRY(made.answer_challenges(challenges_));
  return made;
}

Result<tls::TlsContext> Certificates::make_plain_context(const std::vector<tls::PemPair>& pairs) {
  // A ticket stands for a client certificate that was checked when it was made: when authorities
  // change, none made before may log anybody in.
  if (const auto time = client_ca_time(); std::exchange(client_ca_time_, time) != time)
    tickets_ = std::make_shared<tls::TicketKeys>(clock_);
  if (client_ca_file_.empty()) return tls::TlsContext::server(pairs, tickets_);
  const auto roots = source_->read(client_ca_file_);
  auto made = roots ? tls::TlsContext::server(pairs, tickets_, roots->reveal()) : fail(roots.error());
  if (made) return made;
  // Without it nobody logs in by certificate; that is no reason to turn all others away.
  log::error("client_ca.refused", {{"file", client_ca_file_}, {"cause", made.error()}});
  return tls::TlsContext::server(pairs, tickets_);
}

Result<> Certificates::load() {
  std::vector<Entry> fresh;
  std::optional<Error> first_error;
  for (CertificateFiles& files : list_()) {
    const auto known = std::ranges::find(entries_, files, &Entry::files);
    Entry& entry = fresh.emplace_back(known == entries_.end() ? Entry{} : *known);
    entry.files = std::move(files);
    entry.change_time = change_time(entry.files);
    entry.error.clear();
    if (const auto read = read_entry(entry); !read) {
      entry.error = read.error().text;
      log::error("certificate.refused", {{"cause", read.error()}, {"kept", entry.pem.has_value()}});
      if (!first_error) first_error = read.error();
    } else {
      log::info("certificate.loaded", {{"file", entry.files.certificate_file}});
    }
  }
  std::vector<tls::PemPair> pairs;
  for (const Entry& entry : fresh) {
    if (entry.pem) pairs.push_back(*entry.pem);
  }
  entries_ = std::move(fresh);
  // Without the default's own, nobody may be shown a certificate meant for other names.
  if (entries_.empty() || !entries_.front().pem) {
    context_.reset();
    if (!first_error) return {};
    return fail(*first_error);
  }
  TRY_ASSIGN(tls::TlsContext made, make_context(pairs));
  context_ = std::make_shared<const tls::TlsContext>(std::move(made));
  warned_day_ = -1;
  warn_of_expiry();
  if (first_error) return fail(*first_error);
  return {};
}

bool Certificates::changed() const {
  const auto now = list_();
  if (client_ca_time() != client_ca_time_) return true;
  const auto same = [this](const CertificateFiles& files, const Entry& entry) {
    return files == entry.files && change_time(files) == entry.change_time;
  };
  return !std::ranges::equal(now, entries_, same);
}

void Certificates::warn_of_expiry() {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.now());
  const std::int64_t day = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  if (std::exchange(warned_day_, day) == day) return;
  for (const Entry& entry : entries_) {
    if (!entry.facts) continue;
    const auto left = std::chrono::floor<std::chrono::days>(entry.facts->not_after - now);
    if (entry.facts->not_after <= now) {
      log::error("certificate.expired", {{"file", entry.files.certificate_file}});
    } else if (left < kExpiryWarning) {
      log::warning("certificate.expires",
                   {{"file", entry.files.certificate_file}, {"days", left.count()}});
    }
  }
}

}  // namespace hauspost::frontend
