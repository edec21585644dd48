-- Posts one body over and over, and writes down the request id of every answer that says 200. Arguments: the body's file,
-- the file for the ids, then headers. SIGINT ends it in order: what was acknowledged by then is in the file.

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  for number = 3, #args do
    local name, value = args[number]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  ids = assert(io.open(args[2], "w"))
  ids:setvbuf("full", 65536)
end

function response(status, headers, body)
  if status == 200 then
    ids:write(headers["x-request-id"], "\n")
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "late": %d}',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
