package connect

// dockerBridge is this computer as Docker's containers on Linux know it, if Docker was
// not told otherwise.
const dockerBridge = "172.17.0.1"

const openWebUIImage = "ghcr.io/open-webui/open-webui:main"

func (p place) openWebUI() Guide {
	return Guide{App: "Open WebUI", Steps: []Step{
		{"In Admin Panel › Settings › Connections, set the Ollama API connection to this address. What is set there counts more than the variables below.", p.endpoint},
		{"In Docker Desktop (Windows, macOS), containers find this computer by a name of its own.",
			"docker run -d --name open-webui -p 3000:8080 --restart always \\\n" +
				"  -v open-webui:/app/backend/data -e OLLAMA_BASE_URL=" + p.fromContainer() + " \\\n  " + openWebUIImage},
		{"In Docker on Linux, start it on the host's network, since Carpool listens on this machine only. It is then at http://localhost:8080.",
			"docker run -d --name open-webui --network=host --restart always \\\n" +
				"  -v open-webui:/app/backend/data -e OLLAMA_BASE_URL=" + p.endpoint + " \\\n  " + openWebUIImage},
		{"Or keep it in a network of its own: open Carpool at Docker's bridge, which only this computer and its containers reach. “ip -4 addr show docker0” shows the address if yours is another one.",
			"carpool lan on " + dockerBridge + ":" + p.port()},
		{"Start it with that address and Carpool's token, which containers need. “carpool lan off” closes it again.",
			"docker run -d --name open-webui -p 3000:8080 --restart always \\\n" +
				"  --add-host=host.docker.internal:host-gateway \\\n" +
				"  -v open-webui:/app/backend/data -e ENABLE_OLLAMA_API=false \\\n" +
				"  -e OPENAI_API_BASE_URL=" + p.fromContainer() + "/v1 -e OPENAI_API_KEY=\"$(carpool lan token)\" \\\n  " + openWebUIImage},
	}}
}

// fromContainer is the address as Docker's containers know it: Docker Desktop's by
// themselves, those on Linux with --add-host.
func (p place) fromContainer() string { return "http://host.docker.internal:" + p.port() }
