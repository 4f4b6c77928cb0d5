// The connection to the supervisor of one data root: calls that block until they are answered.
#pragma once

#include <memory>
#include <string>

#include "server/supervisor/admin_api.h"
#include "tools/cli/outcome.h"

namespace hauspost::cli {

class Server {
 public:
  // Exit::kUnreachable when nobody answers on the admin socket of `data_root`, or we may not ask.
  static Outcome<std::unique_ptr<Server>> connect(const std::string& data_root);
  ~Server();

  // One call of the admin API. Exit::kRefused with the supervisor's own text, or
  // Exit::kUnreachable when it went away before it answered (it may or may not have acted).
  template <class Request>
  Outcome<typename admin::CallOf<Request>::Reply> ask(const Request& request) {
    TRY_ASSIGN(const std::string bytes,
               call(admin::CallOf<Request>::kMethod, request.SerializeAsString()));
    typename admin::CallOf<Request>::Reply reply;
    if (!reply.ParseFromString(bytes)) {
      return refused(ErrorCode::kCorrupt,
                     "the server's answer does not parse: are hauspost and hauspostd of the same "
                     "version?");
    }
    return reply;
  }

 private:
  struct Connection;
  explicit Server(std::unique_ptr<Connection> connection);
  Outcome<std::string> call(admin::Method method, const std::string& body);

  std::unique_ptr<Connection> connection_;
};

}  // namespace hauspost::cli
