// Site: who asks for what, and what they get. Every answer is made anew from the directory, so a
// change of settings holds at once.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "server/auth/identity.h"
#include "server/directory/directory.h"
#include "server/web/http.h"
#include "server/web/pages.h"
#include "server/web/target.h"

namespace hauspost::web {

// token -> key authorization, RFC 8555 section 8.3.
using Challenges = std::map<std::string, std::string, std::less<>>;
inline constexpr std::size_t kChallengesMax = 200;
inline constexpr std::size_t kTokenBytesMax = 128;
inline constexpr std::size_t kKeyAuthorizationBytesMax = 512;

// What a request came by.
struct Visitor {
  Guid session;
  std::string address;
  bool tls = false;
  unsigned failed_logins = 0;  // of this connection; counted here
};
inline constexpr unsigned kFailedLoginsMax = 3;  // then the connection ends

// REQUIRES: one thread; what it is given outlives it.
class Site {
 public:
  Site(const directory::DirectoryReader& directory, auth::Authenticator& authenticator,
       const Challenges& challenges, std::string hostname, const Clock& clock)
      : directory_(directory),
        authenticator_(authenticator),
        challenges_(challenges),
        hostname_(std::move(hostname)),
        clock_(clock) {}

  // `visitor` outlives the task. Errors are answers too: 503 when the directory cannot be read or
  // nobody can say who somebody is.
  Task<Response> answer(Request request, Visitor& visitor) const;

  // How long a wrong password waits for its answer: doubled by each further one.
  void set_delay(Duration delay) { delay_ = delay; }

 private:
  struct Asked;

  Task<Result<Response>> route(Request request, Visitor& visitor) const;
  Result<Response> in_the_clear(const Asked& asked) const;
  Result<Response> page(const Asked& asked) const;
  Result<Response> front_page(const Asked& asked) const;
  Result<Response> autoconfig(const Asked& asked) const;
  Result<Response> profile(const Asked& asked) const;
  Result<Response> policy(const Asked& asked) const;
  Response challenge(const Asked& asked) const;
  Task<Result<Response>> autodiscover(const Asked& asked, Visitor& visitor) const;
  Task<Result<std::optional<auth::Identity>>> log_in(const Request& request,
                                                     Visitor& visitor) const;
  Result<Response> autodiscover_for(const Asked& asked, const auth::Identity& identity) const;
  Response autodiscover_json(const Asked& asked) const;

  // The domain of ours that the request is about: of the address in its query, else of its host;
  // empty: none.
  Result<std::string> domain_of(const Asked& asked) const;
  // "https://NAME", with the port when it is not 443.
  std::string origin(std::string_view name) const;
  std::string title_for(std::string_view domain) const;

  const directory::DirectoryReader& directory_;
  auth::Authenticator& authenticator_;
  const Challenges& challenges_;
  std::string hostname_;
  const Clock& clock_;
  Duration delay_ = std::chrono::seconds(2);
};

}  // namespace hauspost::web
