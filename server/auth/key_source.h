// KeySource: an issuer's current keys, from a file that may change or from its web server.
#pragma once

#include <memory>

#include "server/auth/bearer.h"
#include "server/child/helper_pool.h"

namespace hauspost::auth {

using child::HelperPool;

// REQUIRES: one thread; `clock` and `fetcher` outlive it; nobody awaits a call when it is
// destroyed.
class KeySource {
 public:
  // `fetcher` runs hauspost-auth-fetch; null when the settings name a file.
  KeySource(Executor executor, const BearerSettings& settings, HelperPool* fetcher,
            const Clock& clock);

  // A file is looked at for each question and read when it changed; a URL is read again once an
  // hour. Keys that cannot be renewed stay in use: a file's until it can be read, a URL's for a
  // day. kUnavailable: there are none. `miss`: they do not know a token's key, so a URL is read
  // again, at most once a minute.
  Task<Result<std::shared_ptr<const KeySet>>> keys(bool miss = false);

 private:
  Result<> read_file();
  Task<Result<>> read_url();
  bool wants_fetch(bool miss) const;

  BearerSettings settings_;
  HelperPool* fetcher_;
  const Clock& clock_;
  std::shared_ptr<const KeySet> keys_;  // shared with checks under way
  std::string file_stamp_;              // of the file's last change that was looked at
  std::chrono::steady_clock::time_point read_at_{};
  std::chrono::steady_clock::time_point tried_at_{};
  bool tried_ = false;
  bool fetching_ = false;
  Condition fetched_;
};

}  // namespace hauspost::auth
