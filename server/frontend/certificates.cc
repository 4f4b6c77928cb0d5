#include "server/frontend/certificates.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace hauspost::frontend {

namespace {

constexpr std::size_t kPemBytesMax = 1024 * 1024;

std::int64_t change_time(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::int64_t change_time(const CertificateFiles& files) {
  // The sum changes with either, also when an older file comes back.
  return change_time(files.certificate_file) + change_time(files.key_file);
}

Result<std::string> read_pem(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errno_error(path, errno == 0 ? EIO : errno));
  std::string text(kPemBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::kInternal, path + ": cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kPemBytesMax) return fail(ErrorCode::kInvalid, path + ": too large");
  return text;
}

// Makes a context of the pair, only to see that certificate and key are good for one.
Result<> read_entry(Certificates::Entry& entry) {
  const CertificateFiles& files = entry.files;
  TRY_ASSIGN(std::string chain, read_pem(files.certificate_file));
  TRY_ASSIGN(std::string key, read_pem(files.key_file));
  tls::PemPair pair{std::move(chain), Secret(std::move(key))};
  const auto usable = tls::TlsContext::server(pair.chain, pair.key.reveal());
  if (!usable) {
    Error error = usable.error();
    return fail(std::move(error).within(files.certificate_file + ", " + files.key_file));
  }
  TRY_ASSIGN(entry.facts, tls::certificate_facts(pair.chain));
  entry.pem = std::move(pair);
  return {};
}

}  // namespace

std::int64_t Certificates::client_ca_time() const {
  return client_ca_file_.empty() ? 0 : change_time(client_ca_file_);
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
  const auto roots = read_pem(client_ca_file_);
  auto made = roots ? tls::TlsContext::server(pairs, tickets_, *roots) : fail(roots.error());
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
  return !std::ranges::equal(now, entries_, [](const CertificateFiles& files, const Entry& entry) {
    return files == entry.files && change_time(files) == entry.change_time;
  });
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
