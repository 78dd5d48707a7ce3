// Lets a test end the worker's GPU device, in each of the ways in which devices fail.
const { requestDevice } = GPUAdapter.prototype;
const { mapAsync } = GPUBuffer.prototype;
let device;
let isHanging = false;

GPUAdapter.prototype.requestDevice = async function (...args) {
  device = await requestDevice.apply(this, args);
  isHanging = false;
  return device;
};

GPUBuffer.prototype.mapAsync = function (...args) {
  return isHanging ? new Promise(() => {}) : mapAsync.apply(this, args);
};

const failures = {
  // As a driver that was reset.
  lost: () => device.destroy(),
  // An error that nobody awaits: what it was about has not happened.
  error: () => device.createBuffer({ size: 16, usage: 0 }),
  // What it is asked for never comes.
  hang: () => (isHanging = true),
};

addEventListener("message", (event) => {
  if (!("fail" in event.data)) return;
  event.stopImmediatePropagation();
  failures[event.data.fail]();
});
