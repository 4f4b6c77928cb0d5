#include "server/auth/app_passwords.h"

#include "base/random.h"

namespace hauspost::auth {

namespace {

constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(kAlphabet.size() == 32);  // a power of two: no character is likelier than another
constexpr std::size_t kGroups = 5;
constexpr std::size_t kGroupLength = 4;

}  // namespace

Secret make_app_password() {
  std::uint8_t random[kGroups * kGroupLength];
  random_bytes(random);
  std::string text;
  for (std::size_t i = 0; i < sizeof random; ++i) {
    if (i > 0 && i % kGroupLength == 0) text += '-';
    text += kAlphabet[random[i] % kAlphabet.size()];
  }
  return Secret(std::move(text));
}

const AppPassword* find_app_password(const StoredCredentials& credentials, std::string_view tag) {
  const AppPassword* found = nullptr;
  for (const AppPassword& password : credentials.app_passwords) {
    if (crypto::equal(password.tag, tag)) found = &password;
  }
  return found;
}

bool should_note_use(const AppPassword& password, std::int64_t now_s) {
  return now_s < password.used_s || now_s - password.used_s >= kUseNotedEvery_s;
}

}  // namespace hauspost::auth
