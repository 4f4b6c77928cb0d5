#include "base/tls/ticket_keys.h"

#include <openssl/aes.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/ssl.h>

#include <cstring>

#include "base/random.h"

namespace hauspost::tls {

namespace {

// What the library's callback answers.
constexpr int kFailed = -1;
constexpr int kNoTicket = 0;
constexpr int kTicket = 1;
constexpr int kTicketToRenew = 2;

using Shared = std::shared_ptr<TicketKeys>;

void free_keys(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Shared*>(pointer);
}

int keys_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_keys);
  return index;
}

void wipe(std::optional<TicketKeys::Key>& key) {
  if (key) OPENSSL_cleanse(&*key, sizeof *key);
  key.reset();
}

int seal(TicketKeys& keys, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher,
         HMAC_CTX* mac) {
  const TicketKeys::Key& key = keys.sealing();
  std::memcpy(name, key.name.data(), key.name.size());
  random_bytes({iv, AES_BLOCK_SIZE});
  const bool ready =
      EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
      HMAC_Init_ex(mac, key.mac.data(), key.mac.size(), EVP_sha256(), nullptr) == 1;
  return ready ? kTicket : kFailed;
}

int open(TicketKeys& keys, const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher,
         HMAC_CTX* mac) {
  bool renew = false;
  const TicketKeys::Key* key = keys.opening(name, renew);
  if (key == nullptr) return kNoTicket;
  const bool ready =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
      HMAC_Init_ex(mac, key->mac.data(), key->mac.size(), EVP_sha256(), nullptr) == 1;
  if (!ready) return kFailed;
  return renew ? kTicketToRenew : kTicket;
}

int with_keys(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher,
              HMAC_CTX* mac, int encrypt) {
  auto* const held =
      static_cast<Shared*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  if (held == nullptr) return kFailed;
  return encrypt != 0 ? seal(**held, name, iv, cipher, mac) : open(**held, name, iv, cipher, mac);
}

}  // namespace

TicketKeys::~TicketKeys() {
  wipe(current_);
  wipe(previous_);
}

void TicketKeys::rotate() {
  const auto now = clock_.steady();
  if (current_ && now < since_ + kPeriod) return;
  // Two periods without a handshake: the last key is too old to open anything.
  wipe(previous_);
  if (current_ && now < since_ + 2 * kPeriod) previous_ = current_;
  wipe(current_);
  current_.emplace();
  random_bytes(current_->name);
  random_bytes(current_->mac);
  random_bytes(current_->cipher);
  since_ = now;
}

const TicketKeys::Key& TicketKeys::sealing() {
  rotate();
  return *current_;
}

const TicketKeys::Key* TicketKeys::opening(const std::uint8_t* name, bool& renew) {
  rotate();
  const auto is = [name](const std::optional<Key>& key) {
    return key && std::memcmp(key->name.data(), name, key->name.size()) == 0;
  };
  renew = !is(current_);
  if (!renew) return &*current_;
  return is(previous_) ? &*previous_ : nullptr;
}

bool use_ticket_keys(ssl_ctx_st* context, std::shared_ptr<TicketKeys> keys) {
  auto held = std::make_unique<Shared>(std::move(keys));
  if (SSL_CTX_set_ex_data(context, keys_index(), held.get()) != 1) return false;
  [[maybe_unused]] auto* const kept = held.release();  // free_keys() ends it with the context
  return SSL_CTX_set_tlsext_ticket_key_cb(context, with_keys) == 1;
}

}  // namespace hauspost::tls
