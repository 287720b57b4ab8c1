-- Requests of the bench for wrk: arguments are kind (get or report), path, and tokens; ends with one line of JSON.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  kind, path = arguments[1], arguments[2]
  tokens = {}
  for position = 3, #arguments do tokens[#tokens + 1] = arguments[position] end
  sequence = os.time() * 1000000 + number * 100000000000000
  math.randomseed(os.time() * 1000 + number)
  turn = number
end

local EVENT = '{"sequence":%d,"at":"2026-11-23T08:00:00Z","kind":"deployment.step","app":"load-0001",' ..
  '"environment":"production","deployment":"%s","data":{"step":"step %d","state":"done","seconds":0.5}}'

local function report(place)
  local deployment = string.format("%08x-%04x-4000-8000-%04x%08x", math.random(0, 2^31 - 1), math.random(0, 65535),
    math.random(0, 65535), math.random(0, 2^31 - 1))
  local events = {}
  for step = 1, 26 do
    sequence = sequence + 1
    events[step] = string.format(EVENT, sequence, deployment, step):gsub("load%-0001", "bench-" .. place)
  end
  return '{"agent":"0.1.0","events":[' .. table.concat(events, ",") .. "]}"
end

function request()
  turn = turn + 1
  local place = turn % #tokens + 1
  local headers = { ["Authorization"] = "Bearer " .. tokens[place], ["Content-Type"] = "application/json" }
  if kind == "get" then return wrk.format("GET", path, headers) end
  return wrk.format("POST", path, headers, report(place))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
