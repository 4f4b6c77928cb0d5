#include "server/supervisor/acme_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>

#include "base/crypto/mac.h"
#include "base/durable_file.h"
#include "base/text.h"

namespace hauspost::supervisor {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kFileMax = 1024 * 1024;
constexpr std::size_t kKeyMax = 16 * 1024;
constexpr std::size_t kDigestShown = 16;
constexpr std::int64_t kFirstPause_s = 300;
constexpr std::int64_t kLongestPause_s = 86'400;
constexpr std::uint32_t kDoublingsMost = 9;
constexpr double kRenewalShare = 2.0 / 3;
constexpr double kRenewalSpread = 0.04;  // of the life
constexpr double kPauseSpread = 0.1;

Result<> make_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(errno_error("making folder " + path));
}

Result<> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(errno_error(path));
}

template <class T>
void take(const Json& json, const char* name, T& into) {
  const auto found = json.find(name);
  if (found != json.end() && found->is_number_integer()) into = found->get<T>();
}
void take(const Json& json, const char* name, std::string& into) {
  const auto found = json.find(name);
  if (found != json.end() && found->is_string()) into = found->get<std::string>();
}

}  // namespace

std::string AcmeFiles::tls_path(const std::string& name, std::string_view end) const {
  return root_ + "/tls/acme/" + name + std::string(end);
}
std::string AcmeFiles::secret_path(std::string_view file) const {
  return root_ + "/secrets/acme/" + std::string(file);
}
std::string AcmeFiles::certificate_path(const std::string& name) const {
  return tls_path(name, ".pem");
}
std::string AcmeFiles::previous_path(const std::string& name) const {
  return tls_path(name, ".previous.pem");
}

Result<crypto::P256Key> AcmeFiles::account_key(std::string_view directory) const {
  const std::string digest = to_hex(crypto::hash(crypto::Digest::kSha256, directory));
  const std::string path = secret_path("account-" + digest.substr(0, kDigestShown) + ".pem");
  auto there = read_small_file(path, kKeyMax);
  if (there) {
    const Secret pem(std::move(*there));
    auto key = crypto::P256Key::from_pem(pem.reveal());
    if (!key) return fail(std::move(key).error().within(path));
    return key;
  }
  if (there.error().code != ErrorCode::kNotFound) return fail(there.error());
  TRY_ASSIGN(auto key, crypto::P256Key::make());
  TRY(make_private_folder(root_ + "/secrets"));
  TRY(make_private_folder(root_ + "/secrets/acme"));
  // Before anybody hears of it: an account whose key is lost is lost.
  TRY(replace_file(path, key.to_pem().reveal()));
  return key;
}

Result<Secret> AcmeFiles::eab_key(const std::string& name) const {
  TRY_ASSIGN(std::string bytes, read_small_file(secret_path(name + ".eab"), kKeyMax));
  return Secret(std::move(bytes));
}

Result<> AcmeFiles::keep_eab_key(const std::string& name, const Secret& key) const {
  TRY(make_private_folder(root_ + "/secrets"));
  TRY(make_private_folder(root_ + "/secrets/acme"));
  return replace_file(secret_path(name + ".eab"), key.reveal());
}

Result<Secret> AcmeFiles::certificate(const std::string& name) const {
  TRY_ASSIGN(std::string bytes, read_small_file(certificate_path(name), kFileMax));
  return Secret(std::move(bytes));
}

Result<> AcmeFiles::install(const std::string& name, std::string_view certificate_pem,
                            std::string_view key_pem) const {
  TRY(make_private_folder(root_ + "/tls"));
  TRY(make_private_folder(root_ + "/tls/acme"));
  const auto present = certificate(name);
  if (present) {
    TRY(replace_file(previous_path(name), present->reveal()));
  } else if (present.error().code != ErrorCode::kNotFound) {
    return fail(present.error());
  }
  const std::string_view gap = certificate_pem.ends_with('\n') ? "" : "\n";
  return replace_file(certificate_path(name), {certificate_pem, gap, key_pem});
}

Result<bool> AcmeFiles::take_back(const std::string& name) const {
  auto bytes = read_small_file(previous_path(name), kFileMax);
  if (!bytes && bytes.error().code != ErrorCode::kNotFound) return fail(bytes.error());
  if (!bytes) {
    TRY(remove_file(certificate_path(name)));
    TRY(sync_folder(root_ + "/tls/acme"));
    return false;
  }
  const Secret previous(std::move(*bytes));
  TRY(replace_file(certificate_path(name), previous.reveal()));
  return true;
}

AcmeState AcmeFiles::state(const std::string& name) const {
  AcmeState state;
  const auto bytes = read_small_file(tls_path(name, ".json"), kFileMax);
  if (!bytes) return state;
  const Json json = Json::parse(*bytes, nullptr, false);
  if (!json.is_object()) return state;
  take(json, "last_try_s", state.last_try_s);
  take(json, "next_try_s", state.next_try_s);
  take(json, "issued_s", state.issued_s);
  take(json, "not_before_s", state.not_before_s);
  take(json, "not_after_s", state.not_after_s);
  take(json, "failures", state.failures);
  take(json, "unfinished", state.unfinished);
  take(json, "error", state.error);
  take(json, "error_type", state.error_type);
  return state;
}

Result<> AcmeFiles::keep_state(const std::string& name, const AcmeState& state) const {
  TRY(make_private_folder(root_ + "/tls"));
  TRY(make_private_folder(root_ + "/tls/acme"));
  const Json json{{"last_try_s", state.last_try_s},   {"next_try_s", state.next_try_s},
                  {"issued_s", state.issued_s},       {"not_before_s", state.not_before_s},
                  {"not_after_s", state.not_after_s}, {"failures", state.failures},
                  {"unfinished", state.unfinished},   {"error", state.error},
                  {"error_type", state.error_type}};
  return replace_file(tls_path(name, ".json"),
                      json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
}

Result<> AcmeFiles::forget(const std::string& name) const {
  TRY(remove_file(secret_path(name + ".eab")));
  return remove_file(tls_path(name, ".json"));
}

std::int64_t acme_renewal_s(std::int64_t not_before_s, std::int64_t not_after_s, double share) {
  const auto life = static_cast<double>(std::max<std::int64_t>(not_after_s - not_before_s, 0));
  const double at = life * (kRenewalShare + kRenewalSpread * (share - 0.5));
  return not_before_s + static_cast<std::int64_t>(at);
}

std::int64_t acme_pause_s(std::uint32_t failures, double share) {
  const std::uint32_t doublings = std::min(failures == 0 ? 0 : failures - 1, kDoublingsMost);
  const std::int64_t pause = std::min(kFirstPause_s << doublings, kLongestPause_s);
  return pause + static_cast<std::int64_t>(static_cast<double>(pause) * kPauseSpread * share);
}

}  // namespace hauspost::supervisor
