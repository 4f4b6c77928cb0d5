#include "transport/authentication/signing_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/durable_file.h"
#include "base/text.h"

namespace hauspost::mailauth {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "hauspost-dkim-key 1";
constexpr std::uintmax_t kFileBytesMax = 64 * 1024;
constexpr std::pair<KeyState, std::string_view> kStates[] = {
    {KeyState::kStaged, "staged"}, {KeyState::kActive, "active"}, {KeyState::kRetired, "retired"}};

std::string file_of(const std::string& folder, std::string_view domain, std::string_view selector) {
  return fmt::format("{}/{}/{}.key", folder, domain, selector);
}

// Readable by nobody else, whatever the umask.
Result<> make_private_folder(const std::string& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (!code) fs::permissions(path, fs::perms::owner_all, code);
  if (code) return fail(errno_error(path, code.value()));
  return {};
}

std::optional<KeyState> parse_state(std::string_view word) {
  for (const auto& [state, name] : kStates) {
    if (name == word) return state;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(KeyState state) {
  return kStates[static_cast<std::size_t>(state)].second;
}

std::string SigningKey::record() const {
  const bool rsa = algorithm() == Algorithm::kRsaSha256;
  return fmt::format("v=DKIM1; k={}; p={}", rsa ? "rsa" : "ed25519",
                     base64_encode(key.public_bytes()));
}

std::string to_file(const SigningKey& key) {
  return fmt::format("{}\ndomain {}\nselector {}\nstate {}\ncreated {}\nchanged {}\nkey {}\n",
                     kMagic, key.domain, key.selector, to_string(key.state), key.created_s,
                     key.changed_s, base64_encode(key.key.to_pkcs8()));
}

Result<SigningKey> key_from_file(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.front() != kMagic) return fail(ErrorCode::kCorrupt, "not a key file");
  const auto value = [&](std::string_view name) -> std::string_view {
    for (const std::string_view line : lines) {
      if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ')
        return line.substr(name.size() + 1);
    }
    return {};
  };
  const auto state = parse_state(value("state"));
  const auto created = parse_u64(value("created"));
  const auto changed = parse_u64(value("changed"));
  const auto der = base64_decode(value("key"));
  if (!is_dns_name(value("domain")) || !is_dns_name(value("selector")) || !state || !created ||
      !changed || !der) {
    return fail(ErrorCode::kCorrupt, "a key file that lacks something");
  }
  TRY_ASSIGN(auto key, crypto::PrivateKey::from_pkcs8(*der));
  return SigningKey{
      std::string(value("domain")),        std::string(value("selector")),      *state,
      static_cast<std::int64_t>(*created), static_cast<std::int64_t>(*changed), std::move(key)};
}

SigningKeys SigningKeys::load(const std::string& folder) {
  SigningKeys keys;
  std::error_code code;
  for (fs::recursive_directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code)) {
    if (it->path().extension() != ".key" || !it->is_regular_file(code)) continue;
    const auto text = read_small_file(it->path().string(), kFileBytesMax);
    auto key = text ? key_from_file(*text) : Result<SigningKey>(fail(text.error()));
    if (!key) {
      keys.faults_.push_back(fmt::format("{}: {}", it->path().string(), key.error().text));
      continue;
    }
    keys.all_.push_back(std::move(*key));
  }
  std::ranges::sort(keys.all_, {}, [](const SigningKey& k) {
    return std::pair<std::string_view, std::string_view>(k.domain, k.selector);
  });
  for (const SigningKey& key : keys.all_) {
    if (key.state == KeyState::kActive) keys.active_[key.domain].push_back(key);
  }
  return keys;
}

const std::vector<SigningKey>* SigningKeys::active(std::string_view domain) const {
  const auto found = active_.find(domain);
  return found == active_.end() ? nullptr : &found->second;
}

Result<> write_key(const std::string& folder, const SigningKey& key) {
  const std::string of_domain = folder + "/" + key.domain;
  TRY(make_private_folder(folder));
  TRY(make_private_folder(of_domain));
  const std::string path = file_of(folder, key.domain, key.selector);
  TRY(replace_file(path, to_file(key)));
  return sync_folder(folder);
}

Result<> remove_key(const std::string& folder, std::string_view domain, std::string_view selector) {
  const std::string path = file_of(folder, domain, selector);
  if (::unlink(path.c_str()) != 0) return fail(errno_error(path));
  return sync_folder(fmt::format("{}/{}", folder, domain));
}

}  // namespace hauspost::mailauth
