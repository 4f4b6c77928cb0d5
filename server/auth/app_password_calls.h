// App passwords over hauspost-auth's control connection: the messages of auth.proto as our own
// types, and the asking side for the supervisor.
#pragma once

#include "base/link/rpc.h"
#include "server/auth/credentials.h"

namespace hauspost::auth {

struct AppPasswordOrder {
  Guid mailbox;
  std::string name;
  ProtocolSet protocols;
};

// The serving side. from-functions: kInvalid.
Result<AppPasswordOrder> order_from_wire(std::string_view bytes);
std::string created_to_wire(const AppPassword& entry, const Secret& password);
Result<Guid> list_request_from_wire(std::string_view bytes);
std::string list_to_wire(const std::vector<AppPassword>& all);
Result<AppPasswordOrder> revocation_from_wire(std::string_view bytes);
std::string revoked_to_wire(const AppPassword& entry);

// The asking side. Of an entry, only what people read crosses: no tag, no keys. Errors as
// AuthService says; kUnavailable: auth is away.
struct CreatedAppPassword {
  AppPassword entry;
  Secret password;
};
Task<Result<CreatedAppPassword>> create_app_password(link::RpcClient& control,
                                                     AppPasswordOrder order);
Task<Result<std::vector<AppPassword>>> list_app_passwords(link::RpcClient& control, Guid mailbox);
Task<Result<AppPassword>> revoke_app_password(link::RpcClient& control, Guid mailbox,
                                              std::string name);

}  // namespace hauspost::auth
