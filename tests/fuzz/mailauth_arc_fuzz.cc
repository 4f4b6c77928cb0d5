// ARC sets and DKIM signatures of whole messages, over a DNS that knows a key for every name.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "base/check.h"
#include "transport/authentication/arc.h"

namespace {

using namespace hauspost;

class OneKey final : public dns::Resolver {
 public:
  Task<dns::Answer<dns::Mx>> mx(std::string) override { co_return dns::Answer<dns::Mx>{}; }
  Task<dns::Answer<std::string>> a(std::string) override { co_return Nothing{}; }
  Task<dns::Answer<std::string>> aaaa(std::string) override { co_return Nothing{}; }
  Task<dns::Answer<std::string>> txt(std::string) override {
    co_return Nothing{.outcome = dns::Outcome::kFound,
                      .records = {"v=DKIM1; k=ed25519; "
                                  "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}};
  }
  Task<dns::Answer<dns::Tlsa>> tlsa(std::string) override { co_return dns::Answer<dns::Tlsa>{}; }
  Task<dns::Answer<std::string>> ptr(std::string) override { co_return Nothing{}; }

 private:
  using Nothing = dns::Answer<std::string>;
};

Task<void> look(std::string_view bytes) {
  using namespace hauspost::mailauth;
  OneKey keys;
  const MessageParts parts = split_message(bytes);
  BodyHashes hashes(parts.body);
  const WallTime now{Seconds(1'795'288'500)};
  const ArcChain chain = co_await verify_arc(keys, parts, hashes, now);
  HP_CHECK(chain.sets <= kArcSetsMax);
  HP_CHECK(chain.status == ArcStatus::kFail || chain.reason.empty());
  if (chain.status == ArcStatus::kPass) HP_CHECK(chain.sealers.size() == chain.sets);
  const auto results = co_await verify_dkim(keys, parts, hashes, now);
  HP_CHECK(results.size() <= kSignaturesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  asio::io_context io;
  asio::co_spawn(io, look({reinterpret_cast<const char*>(data), size}),
                 [](const std::exception_ptr& failed) { HP_CHECK(!failed); });
  io.run();
  return 0;
}
